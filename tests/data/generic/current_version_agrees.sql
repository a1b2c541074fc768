{#
  The snapshot's current version of each member is what staging says now. It fails where a source
  changed a row without a later `updated_at`, which a snapshot by timestamp does not see, and where a
  key left staging without the mark of a deletion, which raw, being append-only, can't do by itself.
  Gives the members that differ.

  with: the relation that the snapshot reads.   key: the natural key.
#}
{% test current_version_agrees(model, with, key) %}
    {%- set columns = adapter.get_columns_in_relation(with) | map(attribute='name')
        | reject('in', [key, '_dlt_load_id']) | list %}
    select
        coalesce(said.{{ key }}, kept.{{ key }}) as {{ key }},
        said.changed_at as said_changed_at,
        kept.changed_at as kept_changed_at
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
