{#
  Few rows of this raw table are in quarantine: gives a row when those that are open are more than the threshold's share of all
  rows that were read since the oldest of them was first seen. Passes when nothing was ever put into quarantine.

  threshold: 0.01 is one row in a hundred.
#}
{% test quarantine_share(model, threshold=0.01) %}
    {%- set quarantine = adapter.get_relation(model.database, model.schema, 'quarantine') if execute -%}
    {%- set reads = adapter.get_relation(model.database, model.schema, 'reads') if execute -%}
    {%- if quarantine and reads -%}
        {%- set loads = reads.incorporate(path={'identifier': '_dlt_loads'}) -%}
        with

        opened as (

            select
                count(*) as open_rows,
                min(first_seen_at) as oldest
            from {{ quarantine }}
            where
                table_name = '{{ model.identifier }}'
                and closed_at is null
                and _dlt_load_id in (select load_id from {{ loads }} where status = 0)

        ),

        {#- The read that found the oldest began before it saw it, so it is the last one before that. -#}
        concerned as (

            select coalesce(max(read_id), 0) as first_read
            from {{ reads }}
            where
                table_name = '{{ model.identifier }}'
                and read_at <= (select opened.oldest from opened)

        ),

        counted as (

            select coalesce(sum(rows_landed + rows_quarantined), 0) as rows_read
            from {{ reads }}
            where
                table_name = '{{ model.identifier }}'
                and read_id >= (select concerned.first_read from concerned)
                and _dlt_load_id in (select load_id from {{ loads }} where status = 0)

        )

        select
            opened.open_rows,
            counted.rows_read,
            {{ text_literal(model.schema ~ '.' ~ model.identifier ~ ': ') }} || cast(opened.open_rows as {{ dbt.type_string() }})
            || ' rows in quarantine, of ' || cast(counted.rows_read as {{ dbt.type_string() }})
            || ' that were read; more than the share of {{ threshold }}' as reason
        from opened
        cross join counted
        where
            opened.open_rows > counted.rows_read * {{ threshold }}
            and opened.open_rows > 0
    {%- else -%}
        {{ no_rows() }}
    {%- endif -%}
{% endtest %}
