{#
  The rows of a dimension: every version of its history; each member that facts name and no source knows yet, once (inferred, so that
  facts of different members stay apart; the real one replaces it when it arrives); and `-1`, the unknown member, for facts that name none.
  A query with the columns `<entity>_key`, `<entity>_id`, `is_current`, `is_inferred`, `valid_from`, `valid_to`. Join `versions` to it by
  the key for all other columns; they are null for the last two kinds.

  entity: the dimension's name.   versions: CTE of its history.   named_by: CTE of rows that name members by `<entity>_id`.
  unknown_id: the id of the unknown member, of the type of the others.
#}
{% macro dimension_members(entity, versions, named_by, unknown_id='cast(-1 as bigint)') -%}
    {%- set id, key = entity ~ '_id', entity ~ '_key' -%}
    select
        {{ key }},
        {{ id }},
        is_current,
        false as is_inferred,
        valid_from,
        valid_to
    from {{ versions }}
    union all
    select distinct
        {{ surrogate_key(named_by ~ '.' ~ id, beginning_of_time()) }} as {{ key }},
        {{ named_by }}.{{ id }},
        true as is_current,
        true as is_inferred,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to
    from {{ named_by }}
    left join {{ versions }}
        on {{ named_by }}.{{ id }} = {{ versions }}.{{ id }}
    where {{ named_by }}.{{ id }} is not null and {{ versions }}.{{ id }} is null
    union all
    select
        '-1' as {{ key }},
        {{ unknown_id }} as {{ id }},
        true as is_current,
        false as is_inferred,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to
{%- endmacro %}
