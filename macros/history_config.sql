{#
  How a table of history is kept: `{{ config(**history_config('customer')) }}`. Incremental: a run replaces all versions of the
  members that changed (`changed_members`), and no others. Here and not in dbt_project.yml, which can't name the folder `snapshots/`.
    DuckDB      delete and insert by member
    PostgreSQL  delete and insert by member; indexes on the version's key and on the member with its validity range
    BigQuery    one merge, which also takes out versions that are no more (`bigquery__get_merge_sql`); clusters by member

  entity: its columns are `<entity>_key` and `<entity>_id`.
#}
{% macro history_config(entity) -%}
    {%- set common = {
        'materialized': 'incremental',
        'on_schema_change': 'fail',
        'schema': 'snapshots',
        'labels': {'project': 'waterworks', 'layer': 'snapshots'},
        'post_hook': '{{ after_build() }}',
    } -%}
    {{ return(dict(common, **adapter.dispatch('history_config')(entity))) }}
{%- endmacro %}

{% macro default__history_config(entity) -%}
    {{ return({'incremental_strategy': 'delete+insert', 'unique_key': entity ~ '_id'}) }}
{%- endmacro %}

{% macro postgres__history_config(entity) -%}
    {{ return(dict(default__history_config(entity), **postgres__dimension_config(entity))) }}
{%- endmacro %}

{# BigQuery has no transaction around two jobs: the merge itself takes out what is gone. #}
{% macro bigquery__history_config(entity) -%}
    {{ return(dict(bigquery__dimension_config(entity), **{
        'incremental_strategy': 'merge',
        'unique_key': entity ~ '_key',
        'meta': {'member': entity ~ '_id'},
    })) }}
{%- endmacro %}
