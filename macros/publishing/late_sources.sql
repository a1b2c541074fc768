{#
  A query: the sources that were not loaded for longer than their freshness allows, as source_name, and since: the end of the last load.

  sources: of `upstream_sources`.   loads: CTE of `loads_of_sources`.
#}
{% macro late_sources(sources, loads) -%}
    select
        cast(null as {{ dbt.type_string() }}) as source_name,
        cast(null as {{ type_timestamptz() }}) as since
    {%- for source in sources if source.late_after_hours %}
        union all
        select
            '{{ source.name }}' as source_name,
            max(inserted_at) as since
        from {{ loads }}
        where source_name = '{{ source.name }}' and is_current
        having {{ epoch_microseconds('current_timestamp') }} - {{ epoch_microseconds('max(inserted_at)') }} > {{ (source.late_after_hours * 3600000000) | int }}
    {%- endfor %}
{%- endmacro %}
