{#
  Which columns of an incremental model's new rows have another type than the table's, on PostgreSQL: dbt's macro, but
  `text` and `character varying` without a length are one type. The table has the contract's, the new rows what the query
  gives: `character varying` from raw, `text` from a function.

  From dbt: lists of columns.
#}
{% macro postgres__diff_column_data_types(source_columns, target_columns) %}
    {%- set different = [] -%}
    {%- for change in default__diff_column_data_types(source_columns, target_columns) -%}
        {%- set known = target_columns | selectattr('name', 'equalto', change.column_name) | first -%}
        {%- if not (change.new_type in ('text', 'character varying') and known.expanded_data_type in ('text', 'character varying')) -%}
            {%- do different.append(change) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(different) }}
{% endmacro %}
