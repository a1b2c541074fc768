{#
  A query: the read logs of these sources, as far as they are about complete loads or reads that landed nothing; one row per read of a table, as
  source_name, table_name, read_id, read_at, outcome, is_refill (it read an interval again) and reason.

  sources: of `upstream_sources`.
#}
{% macro reads_of_sources(sources) -%}
    select
        cast(null as {{ dbt.type_string() }}) as source_name,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as bigint) as read_id,
        cast(null as {{ type_timestamptz() }}) as read_at,
        cast(null as {{ dbt.type_string() }}) as outcome,
        cast(null as boolean) as is_refill,
        cast(null as {{ dbt.type_string() }}) as reason
    {%- for source in sources if source.read_log %}
        union all
        select
            '{{ source.name }}' as source_name,
            table_name,
            read_id,
            read_at,
            outcome,
            outcome = 'complete' and coalesce(is_interval, false) as is_refill,
            '{{ source.loads.schema }}.' || table_name || ': '
            || coalesce(reason, case when outcome = 'complete' then 'only intervals of it were read' else outcome end) as reason
        from {{ source.read_log }}
        where
            _dlt_load_id = ''
            or _dlt_load_id in (
                select completed.load_id from {{ source.loads }} as completed
                where completed.status = 0
            )
    {%- endfor %}
{%- endmacro %}
