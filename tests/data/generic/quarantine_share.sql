{#
  Few rows of this raw table are in quarantine: gives a row when, of all rows that were read since some read, those that are open
  are more than the threshold's share. Since any read, not only since the oldest: else one row that nobody fixes would let the
  years that it lies there count for what is new. Passes when nothing was ever put into quarantine.

  threshold: 0.01 is one row in a hundred.
#}
{% test quarantine_share(model, threshold=0.01) %}
    {%- set quarantine = adapter.get_relation(model.database, model.schema, 'quarantine') if execute -%}
    {%- set read_log = adapter.get_relation(model.database, model.schema, 'read_log') if execute -%}
    {%- if quarantine and read_log -%}
        with

        complete_loads as (

            {{ complete_loads(read_log.incorporate(path={'identifier': '_dlt_loads'})) }}

        ),

        reads as (

            select
                read_id,
                read_at,
                rows_landed + rows_quarantined as rows_read
            from {{ read_log }}
            where
                table_name = '{{ model.identifier }}'
                and _dlt_load_id in (select complete_loads.load_id from complete_loads)

        ),

        opened as (

            select
                first_seen_at,
                count(*) as open_rows
            from {{ quarantine }}
            where
                table_name = '{{ model.identifier }}'
                and closed_at is null
                and _dlt_load_id in (select complete_loads.load_id from complete_loads)
            group by first_seen_at

        ),

        {#- The read that found a row began before it saw it, so it is the last one before that. -#}
        found as (

            select
                opened.first_seen_at,
                opened.open_rows,
                max(case when reads.read_at <= opened.first_seen_at then reads.read_id else 0 end) as found_by
            from opened
            cross join reads
            group by opened.first_seen_at, opened.open_rows

        ),

        since as (

            select
                starts.first_read,
                sum(found.open_rows) as open_rows
            from (select distinct earlier.found_by as first_read from found as earlier) as starts
            inner join found
                on starts.first_read <= found.found_by
            group by starts.first_read

        ),

        counted as (

            select
                since.first_read,
                since.open_rows,
                coalesce(sum(reads.rows_read), 0) as rows_read
            from since
            inner join reads
                on since.first_read <= reads.read_id
            group by since.first_read, since.open_rows

        ),

        exceeded as (

            select * from counted
            where open_rows > rows_read * {{ threshold }}

        )

        select
            open_rows,
            rows_read,
            {{ text_literal(model.schema ~ '.' ~ model.identifier ~ ': ') }} || cast(open_rows as {{ dbt.type_string() }})
            || ' rows in quarantine, of ' || cast(rows_read as {{ dbt.type_string() }})
            || ' that were read; more than the share of {{ threshold }}' as reason
        from exceeded
        {#- Not by row_number() = 1, of which DuckDB 1.5 makes a row of nulls where there is none. #}
        where open_rows = (select max(worst.open_rows) from exceeded as worst)
    {%- else -%}
        {{ empty_result() }}
    {%- endif -%}
{% endtest %}
