{#
  In an incremental run of a table of history: the ids of the members of which the sources told something that the table has not seen,
  or whose history would be another one today: a seed, a cleaning or a list of columns was changed. A member is compared by
  `told_hash`; not by the newest load in the table, which is wrong in silence when a load completes after a younger one.

  told: the relation that `history` reads.   entity, tracked, overwritten, tracked_since: as for `history`.
#}
{% macro changed_members(told, entity, tracked, overwritten=[], tracked_since={}) -%}
    {%- set id = entity ~ '_id' -%}
    select told_of.{{ id }}
    from (
        select
            telling.{{ id }},
            {{ told_hash('telling', tracked, overwritten, tracked_since) }} as told_hash
        from {{ told }} as telling
        group by telling.{{ id }}
    ) as told_of
    left join (
        select * from {{ this }}
        where is_current
    ) as known
        on told_of.{{ id }} = known.{{ id }}
    where known.told_hash is distinct from told_of.told_hash
{%- endmacro %}
