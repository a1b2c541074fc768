{#
  How a dimension with history is stored: `{{ config(**dimension_config('customer')) }}`. A table that each build rebuilds. Its snapshot
  has the same indexes and clusters.
    PostgreSQL  indexes on the version's key, which facts carry, and on the member with its validity range
    BigQuery    clusters by the member and the beginning of the range

  entity: the dimension's name; its columns are `<entity>_key` and `<entity>_id`.
#}
{% macro dimension_config(entity) -%}
    {{ return(dict({'materialized': 'table'}, **adapter.dispatch('dimension_config')(entity))) }}
{%- endmacro %}

{% macro default__dimension_config(entity) -%}
    {{ return({}) }}
{%- endmacro %}

{% macro postgres__dimension_config(entity) -%}
    {{ return({'indexes': [
        {'columns': [entity ~ '_key'], 'unique': true},
        {'columns': [entity ~ '_id', 'valid_from', 'valid_to']},
    ]}) }}
{%- endmacro %}

{% macro bigquery__dimension_config(entity) -%}
    {{ return({'cluster_by': [entity ~ '_id', 'valid_from']}) }}
{%- endmacro %}
