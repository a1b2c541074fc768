{#
  A query: the raw tables of these sources that have rows of loads which are not published yet, as source_name, table_name, reason, and since:
  the end of the first of these loads, null where the table has none.

  sources: of `upstream_sources`.   newer: CTE of the loads, with source_name, load_id, inserted_at.
#}
{% macro newer_rows(sources, newer) -%}
    select
        cast(null as {{ dbt.type_string() }}) as source_name,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as {{ dbt.type_string() }}) as reason,
        cast(null as {{ type_timestamptz() }}) as since
    {%- for source in sources %}
        {%- for name, table in source.tables.items() %}
            union all
            select
                '{{ source.name }}' as source_name,
                '{{ name }}' as table_name,
                '{{ table.schema }}.{{ name }} has newer data, not published yet' as reason,
                min({{ newer }}.inserted_at) as since
            from {{ newer }}
            where {{ newer }}.source_name = '{{ source.name }}' and {{ newer }}.load_id in (select landed._dlt_load_id from {{ table }} as landed)
        {%- endfor %}
    {%- endfor %}
{%- endmacro %}
