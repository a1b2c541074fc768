{#
  The history's current version of each member is the latest of its row versions. Gives the members for which it is not. It fails when raw,
  which is append-only, lost rows, and when the comparison by which a run finds changed members has missed one.

  row_versions: the relation that the history reads.   key: the natural key.   columns: those that the history takes.
#}
{% test current_version_agrees(model, row_versions, key, columns) %}
    select coalesce(expected.{{ key }}, found.{{ key }}) as {{ key }}
    from ({{ latest_version(row_versions, key=key, changed_at='changed_at') }}) as expected
    full outer join (
        select * from {{ model }}
        where is_current
    ) as found
        on expected.{{ key }} = found.{{ key }}
    where
        expected.{{ key }} is null
        or found.{{ key }} is null
        {%- for column in columns %}
        or expected.{{ column }} is distinct from found.{{ column }}
        {%- endfor %}
{% endtest %}
