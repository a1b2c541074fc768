{#
  How a large fact is stored: `{{ config(**fact_config(key='order_item_id', day='ordered_on')) }}`. Incremental everywhere, and
  each engine gets what makes it fast there; docs/engines.md has the reasons in a table.
    DuckDB      delete and insert by key; `sort_on_write` keeps the days together
    PostgreSQL  delete and insert by key; indexes on key, day and dimension keys
    BigQuery    partitions by day, clusters by key; a merge that touches only the days concerned
                (`bigquery__get_merge_sql`)

  key: the column that identifies a row.   day: its date, never null; the days that changed are what is published (`copy_to_audited_tables`).
  dimensions: the columns by which it is joined to dimensions.
  delete_when: a condition; a new row that fulfils it removes its predecessor from the table, and is not kept itself.
#}
{% macro fact_config(key, day, dimensions=[], delete_when=none) -%}
    {%- set common = {'materialized': 'incremental', 'unique_key': key, 'on_schema_change': 'fail', 'meta': {'day': day}} -%}
    {{ return(dict(common, **adapter.dispatch('fact_config')(key, day, dimensions, delete_when))) }}
{%- endmacro %}

{# The hook runs in the transaction of the insert, so that nobody sees the rows that are deleted. #}
{% macro default__fact_config(key, day, dimensions, delete_when) -%}
    {{ return({
        'incremental_strategy': 'delete+insert',
        'post_hook': 'delete from {{ this }} where ' ~ delete_when if delete_when else [],
    }) }}
{%- endmacro %}

{% macro postgres__fact_config(key, day, dimensions, delete_when) -%}
    {%- set indexes = [{'columns': [key], 'unique': true}, {'columns': [day]}] -%}
    {%- for dimension in dimensions -%}
        {%- do indexes.append({'columns': [dimension]}) -%}
    {%- endfor -%}
    {{ return(dict(default__fact_config(key, day, dimensions, delete_when), indexes=indexes)) }}
{%- endmacro %}

{# BigQuery has no transaction around two jobs: the merge itself deletes these rows. #}
{% macro bigquery__fact_config(key, day, dimensions, delete_when) -%}
    {{ return({
        'incremental_strategy': 'merge',
        'partition_by': {'field': day, 'data_type': 'date'},
        'cluster_by': key,
        'meta': {'day': day, 'delete_when': delete_when or 'false'},
    }) }}
{%- endmacro %}
