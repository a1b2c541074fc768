{#
  What is in quarantine of each raw table: a query with `source_name`, `table_name`, `rows_in_quarantine`, `amount_in_quarantine` (null where the table
  names no amount), `since`, and `reason`, which is null unless one of the two is more than readers should miss. In sources.yml:

      config:
        meta:
          quarantine: {amount: quantity * unit_price, max_amount: 1000, max_rows: 100}

  amount: a field of the record, or several that are multiplied; one inside another with a dot.   max_amount, max_rows: these are the defaults.

  sources: of `upstream_sources`.
#}
{% macro quarantined(sources) -%}
    {%- set text = dbt.type_string() %}
    select
        source_name,
        table_name,
        rows_in_quarantine,
        amount_in_quarantine,
        since,
        case
            when rows_in_quarantine > max_rows or amount_in_quarantine > max_amount
                then
                    table_label || cast(rows_in_quarantine as {{ text }})
                    || case when rows_in_quarantine = 1 then ' row is' else ' rows are' end || ' in quarantine'
                    || coalesce(', worth ' || cast(amount_in_quarantine as {{ text }}), '')
        end as reason
    from (
        select
            cast(null as {{ text }}) as source_name,
            cast(null as {{ text }}) as table_name,
            cast(null as {{ text }}) as table_label,
            cast(null as bigint) as rows_in_quarantine,
            {{ as_decimal('null') }} as amount_in_quarantine,
            cast(null as {{ type_timestamptz() }}) as since,
            0 as max_rows,
            {{ as_decimal('0') }} as max_amount
        {%- for source in sources if source.quarantine %}
            {%- for name, table in source.tables.items() %}
                {%- set limits = source.limits.get(name, {}) %}
                union all
                select
                    '{{ source.name }}' as source_name,
                    '{{ name }}' as table_name,
                    '{{ table.schema }}.{{ name }}: ' as table_label,
                    count(*) as rows_in_quarantine,
                    {{ as_decimal('sum(' ~ amount_of_record(limits.amount) ~ ')' if limits.amount else 'null') }} as amount_in_quarantine,
                    min(first_seen_at) as since,
                    {{ limits.get('max_rows', 100) }} as max_rows,
                    {{ as_decimal(limits.get('max_amount', 1000)) }} as max_amount
                from {{ source.quarantine }}
                where
                    table_name = '{{ name }}'
                    and closed_at is null
                    and _dlt_load_id in (
                        select completed.load_id from {{ source.loads }} as completed
                        where completed.status = 0
                    )
            {%- endfor %}
        {%- endfor %}
    ) as counted
    where rows_in_quarantine > 0
{%- endmacro %}

{# The amount of a quarantined record, null where it is unknown. fields: as `amount` above. #}
{% macro amount_of_record(fields) -%}
    {%- set factors = [] -%}
    {%- for field in fields.split('*') -%}
        {%- do factors.append(safe_decimal(json_text('record', field.strip().split('.')), 18, 2)) -%}
    {%- endfor -%}
    abs({{ factors | join(' * ') }})
{%- endmacro %}
