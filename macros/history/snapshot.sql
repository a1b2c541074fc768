{#
  Snapshots. With `strategy: history` a snapshot stores the rows of its relation, a view that calls `history`, as a table:

      snapshots:
        - name: snap_customer
          relation: ref('int_customer__versions')
          config: {unique_key: customer_id, strategy: history}

  A run replaces all versions of the members that changed (`changed_members`), and no others, in one transaction. The table is rebuilt when it
  does not exist, when its columns differ from the view's, and by `dbt build --full-refresh`. Any other strategy is dbt's own snapshot.

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
        {%- do rebuild_history(existing, target, sql, dimension_config(id[:-3])) -%}
    {%- else -%}
        {%- set changed, new = make_temp_relation(target, '__changed'), make_temp_relation(target) -%}
        {%- do run_query(create_table_as(true, changed, changed_members(view.row_versions, view.rules, target, id))) -%}
        {%- set condition = members_condition(id, changed) -%}
        {%- if condition -%}
            {%- set row_versions = '(select * from ' ~ view.row_versions ~ ' where ' ~ condition ~ ')' -%}
            {%- do run_query(create_table_as(true, new, history_query(row_versions, rules=view.rules, **view.arguments))) -%}
            {%- call statement('main') -%}
                {{ merge_history(target, new, id, adapter.get_columns_in_relation(existing)) }}
            {%- endcall -%}
            {%- do adapter.drop_relation(new) -%}
        {%- else -%}
            {%- call statement('main') -%} {{ empty_result() }} {%- endcall -%}
        {%- endif -%}
        {%- do adapter.drop_relation(changed) -%}
    {%- endif -%}

    {%- do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing, rebuild)) -%}
    {%- do persist_docs(target, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
