{#
  The snapshot's current version of each member is what its relation says now, and no member had to be
  marked deleted by dbt: deletions arrive as marked rows, so a key that is gone from staging altogether
  means that raw, which is append-only, lost rows. Gives the members that differ.

  with: the relation that the snapshot reads.   key: the natural key.   columns: those whose change makes a version.
#}
{% test current_version_agrees(model, with, key, columns) %}
    select coalesce(said.{{ key }}, kept.{{ key }}) as {{ key }}
    from (select * from {{ with }}) as said
    full outer join (
        select * from {{ model }}
        where dbt_valid_to = {{ end_of_time() }}
    ) as kept
        on said.{{ key }} = kept.{{ key }}
    where
        said.{{ key }} is null
        or kept.{{ key }} is null
        or kept.dbt_is_deleted = 'True'
        {%- for column in columns %}
        or said.{{ column }} is distinct from kept.{{ column }}
        {%- endfor %}
{% endtest %}
