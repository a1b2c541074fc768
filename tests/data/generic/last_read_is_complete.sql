{#
  The latest read of this raw table was complete. Returns the read and its reason if the source no longer fulfils the table's
  contract, could not be reached, or differs from raw. `dbt build` then skips everything downstream, and readers keep what was published.
  A table without recorded reads passes.

  `read_log` is named without `source`, as a test that depends on two tables would no longer hold up the models of each.
#}
{% test last_read_is_complete(model) %}
    {%- set read_log = adapter.get_relation(model.database, model.schema, 'read_log') if execute -%}
    {%- if read_log -%}
        select
            outcome,
            read_at,
            {{ text_literal(model.schema ~ '.' ~ model.identifier ~ ': ') }} || coalesce(
                reason,
                case when is_refill then 'only intervals of it were read' else outcome end
            ) as reason
        from (
            select
                *,
                -- A complete backfill does not show what is new; if nothing else was read, that is too little.
                outcome = 'complete' and coalesce(is_interval, false) as is_refill,
                row_number() over (
                    order by case when outcome = 'complete' and coalesce(is_interval, false) then 1 else 0 end, read_id desc
                ) as recency
            from {{ read_log }}
            where
                table_name = '{{ model.identifier }}'
                and (
                    _dlt_load_id = ''
                    or _dlt_load_id in ({{ complete_loads(read_log.incorporate(path={'identifier': '_dlt_loads'})) }})
                )
        ) as counted
        where
            recency = 1
            and (outcome <> 'complete' or is_refill)
    {%- else -%}
        {{ empty_result() }}
    {%- endif -%}
{% endtest %}
