{#
  Snapshots. With `strategy: history` a snapshot keeps the histories that its relation gives, a view that calls `history`, as a table:

      snapshots:
        - name: snap_customer
          relation: ref('int_customer__versions')
          config: {unique_key: customer_id, strategy: history}

  A run replaces all versions of the members that changed (`changed_members`), and no others, in one transaction. The table is made anew when it
  is not there, when its columns are no longer the view's, and by `dbt build --full-refresh`. Any other strategy is dbt's own snapshot.

  unique_key: the member's id, `<entity>_id`. The version's key is `<entity>_key`.
#}
{% materialization snapshot, default %}
    {%- if config.get('strategy') != 'history' -%}
        {{ return(dbt.materialization_snapshot_default()) }}
    {%- endif -%}
    {%- set id = config.get('unique_key') -%}
    {%- set view = history_view(model) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set rebuild = existing is none or not existing.is_table or should_full_refresh()
        or check_for_schema_changes(view.relation, existing).schema_changed -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if rebuild -%}
        {%- do adapter.dispatch('rebuild_history')(existing, target, sql, dimension_config(id[:-3])) -%}
    {%- else -%}
        {%- set changed = changed_members(view.told, view.rules, target, id) -%}
        {%- set condition = is_among_members(id, changed) -%}
        {%- if condition -%}
            {%- set new = make_temp_relation(target) -%}
            {%- do run_query(create_table_as(true, new, 'select * from (' ~ sql ~ ') as versions where ' ~ condition)) -%}
            {%- call statement('main') -%}
                {{ adapter.dispatch('replace_members')(target, new, id, adapter.get_columns_in_relation(existing)) }}
            {%- endcall -%}
            {%- do adapter.drop_relation(new) -%}
        {%- else -%}
            {%- call statement('main') -%} {{ no_rows() }} {%- endcall -%}
        {%- endif -%}
    {%- endif -%}

    {%- do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing, rebuild)) -%}
    {%- do persist_docs(target, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# Of the view that a snapshot keeps: its relation, the relation that it reads (`told`), and its `rules`. #}
{% macro history_view(snapshot) -%}
    {%- set view = graph.nodes.get(snapshot.depends_on.nodes | first, {}) -%}
    {%- set rules = view.get('config', {}).get('meta', {}).get('history_rules') -%}
    {%- set read = view.get('depends_on', {}).get('nodes', []) -%}
    {%- if not rules or read | length != 1 or read[0] not in graph.nodes -%}
        {{ exceptions.raise_compiler_error(
            'The relation of ' ~ snapshot.name ~ ' must be a view that is one call of `history` on one model, as `strategy: history` says.'
        ) }}
    {%- endif -%}
    {%- set told = graph.nodes[read[0]] -%}
    {{ return({
        'relation': api.Relation.create(database=view.database, schema=view.schema, identifier=view.alias),
        'told': api.Relation.create(database=told.database, schema=told.schema, identifier=told.alias),
        'rules': rules,
    }) }}
{%- endmacro %}

{#
  The condition on the view that leaves the changed members; none when no member changed. A list of their ids is what engines apply to the
  rows that the view reads, below its window functions: so a run that changes few members computes few. Many members, and ids that are text
  (which may say who somebody is, and would stand in dbt's log) are found by a subquery, and then the engine computes all.

  id: the member's id.   changed: the query of `changed_members`.
#}
{% macro is_among_members(id, changed) -%}
    {%- set most = 10000 -%}
    {%- set ids = run_query(changed ~ ' limit ' ~ (most + 1)).columns[0].values() | list -%}
    {%- if not ids -%}
        {{ return(none) }}
    {%- elif ids | length > most or ids | reject('number') | list -%}
        {{ return('versions.' ~ id ~ ' in (' ~ changed ~ ')') }}
    {%- endif -%}
    {{ return('versions.' ~ id ~ ' in (' ~ ids | join(', ') ~ ')') }}
{%- endmacro %}

{# Makes the table anew beside the old one, and puts it in its place within the transaction. #}
{% macro default__rebuild_history(existing, target, sql, kept) -%}
    {%- set new = make_intermediate_relation(target) -%}
    {%- do drop_relation_if_exists(load_cached_relation(new)) -%}
    {%- call statement('main') -%}
        {{ create_table_as(false, new, sql) }}
    {%- endcall -%}
    {%- for index in kept.get('indexes', []) -%}
        {%- do run_query(get_create_index_sql(new, index)) -%}
    {%- endfor -%}
    {%- do drop_relation_if_exists(existing) -%}
    {%- do adapter.rename_relation(new, target) -%}
{%- endmacro %}

{# `create or replace` is one step there; but a view can't be replaced by a table, nor a table by one with other clusters. #}
{% macro bigquery__rebuild_history(existing, target, sql, kept) -%}
    {%- if existing is not none and not (existing.is_table and adapter.is_replaceable(existing, none, kept.cluster_by)) -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create or replace table {{ target }}
        {{ cluster_by(kept.cluster_by) }}
        {{ bigquery_table_options(config, model, false) }}
        as {{ sql }}
    {%- endcall -%}
{%- endmacro %}

{# Statements that put the versions in `new` in the place of all that `target` has of the same members. #}
{% macro default__replace_members(target, new, id, columns) -%}
    {{ get_delete_insert_merge_sql(target, new, id, columns, none) }}
{%- endmacro %}

{#
  BigQuery has no transaction around two jobs. So one merge does it all: a version that is no more, as something came late, is deleted by the same
  statement, and no reader sees a member without versions or with two at a time.
#}
{% macro bigquery__replace_members(target, new, id, columns) -%}
    {%- set key, names = id[:-3] ~ '_key', columns | map(attribute='name') | list -%}
    declare members default (select array_agg(distinct {{ id }}) from {{ new }} as arriving);

    merge into {{ target }} as known
    using {{ new }} as arriving
        on known.{{ key }} = arriving.{{ key }}
    when matched then update set
        {%- for column in names %}
        {{ column }} = arriving.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    when not matched then insert ({{ names | join(', ') }})
    values ({{ names | join(', ') }})
    when not matched by source and known.{{ id }} in unnest(members) then delete;
{%- endmacro %}
