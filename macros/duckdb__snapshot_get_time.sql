{#
  The time of a snapshot's run on DuckDB. Replaces dbt-duckdb's, which gives a timestamp without a zone,
  as the versions in our snapshots are dated by instants: dbt warns of every snapshot otherwise.
#}
{% macro duckdb__snapshot_get_time() -%}
    current_timestamp
{%- endmacro %}
