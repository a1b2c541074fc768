{#
  The history's current version of each member is what was last told of it, so the run that should have noticed did. Gives the
  members that differ. It fails when raw, which is append-only, lost rows; and when what makes versions of the log was changed
  (a seed, a cleaning, the list of columns): then history wants `--full-refresh`.

  told: the relation that the history reads.   key: the natural key.   columns: those that the history takes.
#}
{% test current_version_agrees(model, told, key, columns) %}
    select coalesce(said.{{ key }}, kept.{{ key }}) as {{ key }}
    from ({{ latest_version(told, key=key, changed_at='changed_at') }}) as said
    full outer join (
        select * from {{ model }}
        where is_current
    ) as kept
        on said.{{ key }} = kept.{{ key }}
    where
        said.{{ key }} is null
        or kept.{{ key }} is null
        {%- for column in columns %}
        or said.{{ column }} is distinct from kept.{{ column }}
        {%- endfor %}
{% endtest %}
