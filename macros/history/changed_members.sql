{#
  A query for the ids of the members whose history in a snapshot is out of date: a load brought new row versions of them, or somebody changed what
  the versions depend on: a seed, a cleaning rule, a list of columns. Members are compared by their `history_fingerprint`, which takes
  one scan of the row versions and no computation of histories. Not by the newest load in the table, which is silently wrong when a load
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
