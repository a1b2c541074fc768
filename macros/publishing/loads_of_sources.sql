{#
  A query: the complete loads of these sources, as source_name, load_id, inserted_at, and is_current: whether the load is about what is
  new. A refilled interval and a replay are not.

  sources: of `upstream_sources`.
#}
{% macro loads_of_sources(sources) -%}
    select
        cast(null as {{ dbt.type_string() }}) as source_name,
        cast(null as {{ dbt.type_string() }}) as load_id,
        cast(null as {{ type_timestamptz() }}) as inserted_at,
        cast(null as boolean) as is_current
    {%- for source in sources %}
        union all
        select
            '{{ source.name }}' as source_name,
            load_id,
            inserted_at,
            {%- if source.read_log %}
                load_id in (
                    select read._dlt_load_id from {{ source.read_log }} as read
                    where not coalesce(read.is_interval, false)
                ) as is_current
            {%- else %}
                true as is_current
            {%- endif %}
        from {{ source.loads }}
        where status = 0
    {%- endfor %}
{%- endmacro %}
