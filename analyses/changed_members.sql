-- The members whose history the next `dbt build` or `dbt snapshot` computes again: `dbt show --select changed_members`.
{% set histories = [] %}
{% for snapshot in graph.nodes.values() if snapshot.resource_type == 'snapshot' and snapshot.config.strategy == 'history' %}
    {% do histories.append(snapshot) %}
{% endfor %}
{% for snapshot in histories %}
    {% set view = history_view(snapshot) %}
    {% set id = snapshot.config.unique_key %}
    select
        '{{ snapshot.name }}' as snapshot_name,
        cast(changed.{{ id }} as {{ dbt.type_string() }}) as member_id
    from (
        {{ changed_members(view.row_versions, view.rules, api.Relation.create(database=snapshot.database, schema=snapshot.schema, identifier=snapshot.alias), id) }}
    ) as changed
    {{ 'union all' if not loop.last }}
{% endfor %}
