{#
  The merge of an incremental model's new rows, on BigQuery: that of `fact_config` for facts; other models
  keep dbt's. Replaces dbt's macro.

  From dbt: target, source (a subquery in parentheses), unique_key, dest_columns; its predicates are not used.
#}
{% macro bigquery__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- set columns = dest_columns | map(attribute='name') | list -%}
    {%- if config.get('meta', {}).get('day') -%}
        {{ merge_partitions(target, source, unique_key, columns) }}
    {%- else -%}
        {{ default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) }}
    {%- endif -%}
{%- endmacro %}
