{#
  The rows that a run writes into a fact, each with the keys of the dimension versions that were valid when it happened. In a first run and
  with `--full-refresh` these are all rows. Later they are the rows that are missing from the fact or have changed, found by comparison and never by a
  watermark (decision 4):
    - the row's current state came with other loads than the fact records (`source_load_ids`)
    - a key has changed: a customer arrived after the order, a change came late
    - a column of `compare` has another value
  A query with the columns of `rows`, and for each dimension `<entity>_key`: '-1', the unknown member, where there is no version.

  rows: CTE of all rows as the sources give them now, with the columns named here, `<entity>_id` of each dimension, and `source_load_ids`.
  key: the column that identifies a row.   occurred_at: the time at which it happened.
  dimensions: {entity: the dimension's CTE}.
  compare: columns that can change without a new version of the row, because they come from other tables.
  delete_when: as in `fact_config`: a row that fulfils it is written only if it has a predecessor to remove.
#}
{% macro fact_rows(rows, key, occurred_at, dimensions, compare=[], delete_when=none) -%}
    {%- set compared = ['source_load_ids'] -%}
    {%- for entity in dimensions -%}
        {%- do compared.append(entity ~ '_key') -%}
    {%- endfor -%}
    {%- do compared.extend(compare) -%}
    select keyed.*
    from (
        select
            {{ rows }}.*,
            {%- for entity, dimension in dimensions.items() %}
            coalesce({{ dimension }}.{{ entity }}_key, '-1') as {{ entity }}_key{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ rows }}
        {%- for entity, dimension in dimensions.items() %}
        left join {{ dimension }}
            on {{ valid_at(dimension, entity ~ '_id', rows, occurred_at) }}
        {%- endfor %}
    ) as keyed
    {%- if is_incremental() %}
    left join (
        select
            {{ key }} as known_{{ key }}
            {%- for column in compared %},
            {{ column }} as known_{{ column }}
            {%- endfor %}
        from {{ this }}
    ) as known
        on keyed.{{ key }} = known.known_{{ key }}
    where
        (known.known_{{ key }} is null{{ ' and not (' ~ delete_when ~ ')' if delete_when }})
        or (
            known.known_{{ key }} is not null
            and (
                {%- for column in compared %}
                {{ 'or ' if not loop.first }}known.known_{{ column }} is distinct from keyed.{{ column }}
                {%- endfor %}
            )
        )
    {%- elif delete_when %}
    where not ({{ delete_when }})
    {%- endif %}
{%- endmacro %}
