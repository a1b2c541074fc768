{#
  Rebuilds a snapshot's table: runs the statements.

  existing: the relation that is there, or none.   target: the relation to make.   sql: the query of its rows.
  storage: of `dimension_config`: its indexes, or clusters.
#}
{% macro rebuild_history(existing, target, sql, storage) -%}
    {%- do adapter.dispatch('rebuild_history')(existing, target, sql, storage) -%}
{%- endmacro %}

{# Beside the old one, which it replaces within the transaction. #}
{% macro default__rebuild_history(existing, target, sql, storage) -%}
    {%- set new = make_intermediate_relation(target) -%}
    {%- do drop_relation_if_exists(load_cached_relation(new)) -%}
    {%- call statement('main') -%}
        {{ create_table_as(false, new, sql) }}
    {%- endcall -%}
    {%- for index in storage.get('indexes', []) -%}
        {%- do run_query(get_create_index_sql(new, index)) -%}
    {%- endfor -%}
    {%- do drop_relation_if_exists(existing) -%}
    {%- do adapter.rename_relation(new, target) -%}
{%- endmacro %}

{# `create or replace` is one step there; but a view can't be replaced by a table, nor a table by one with other clusters. #}
{% macro bigquery__rebuild_history(existing, target, sql, storage) -%}
    {%- if existing is not none and not (existing.is_table and adapter.is_replaceable(existing, none, storage.cluster_by)) -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement('main') -%}
        create or replace table {{ target }}
        {{ cluster_by(storage.cluster_by) }}
        {{ bigquery_table_options(config, model, false) }}
        as {{ sql }}
    {%- endcall -%}
{%- endmacro %}
