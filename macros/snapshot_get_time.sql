{#
  The time of a snapshot's run, as an instant. DuckDB's and PostgreSQL's adapters give a timestamp without a zone, and
  the versions in our snapshots are dated by instants: dbt warns of every snapshot otherwise. Replaces theirs.
#}
{% macro duckdb__snapshot_get_time() -%}
    current_timestamp
{%- endmacro %}

{% macro postgres__snapshot_get_time() -%}
    current_timestamp
{%- endmacro %}
