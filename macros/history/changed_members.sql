{#
  A query for the ids of the members whose history in a snapshot is not what it would be today: a load brought new row versions of them, or
  what makes versions of these was changed: a seed, a cleaning, a list of columns. A member is compared by its `history_fingerprint`, which needs
  one look at the row versions and no computation of histories. Not by the newest load in the table, which is wrong in silence when a load
  completes after a younger one.

  row_versions: the relation that `history` reads.   rules: `history_rules`.   snapshot: the relation of the snapshot.   id: the member's id.
#}
{% macro changed_members(row_versions, rules, snapshot, id) -%}
    select latest.{{ id }}
    from (
        select
            row_version.{{ id }},
            {{ history_fingerprint('row_version', rules) }} as history_fingerprint
        from {{ row_versions }} as row_version
        group by row_version.{{ id }}
    ) as latest
    left join (
        select * from {{ snapshot }}
        where is_current
    ) as known
        on latest.{{ id }} = known.{{ id }}
    where known.history_fingerprint is distinct from latest.history_fingerprint
{%- endmacro %}
