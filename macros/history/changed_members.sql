{#
  A query for the ids of the members whose history in a snapshot is not what it would be today: a source told something new of them, or
  what makes versions of it was changed: a seed, a cleaning, a list of columns. A member is compared by its `told_hash`, which needs
  one look at the row versions and no computation of histories. Not by the newest load in the table, which is wrong in silence when a load
  completes after a younger one.

  told: the relation that `history` reads.   rules: `history_rules`.   snapshot: the relation of the snapshot.   id: the member's id.
#}
{% macro changed_members(told, rules, snapshot, id) -%}
    select told_of.{{ id }}
    from (
        select
            telling.{{ id }},
            {{ told_hash('telling', rules) }} as told_hash
        from {{ told }} as telling
        group by telling.{{ id }}
    ) as told_of
    left join (
        select * from {{ snapshot }}
        where is_current
    ) as known
        on told_of.{{ id }} = known.{{ id }}
    where known.told_hash is distinct from told_of.told_hash
{%- endmacro %}
