{#
  The end of the last select of a large fact: on DuckDB it writes the rows in this order, so that a query for some days skips
  the blocks of others. PostgreSQL has indexes, BigQuery partitions and clusters; there a sort would only cost.

  columns: by which to sort, the day first.
#}
{% macro written_in_order(columns) -%}
    {{ adapter.dispatch('written_in_order')(columns) }}
{%- endmacro %}

{% macro default__written_in_order(columns) -%}
{%- endmacro %}

{% macro duckdb__written_in_order(columns) -%}
    order by {{ columns | join(', ') }}
{%- endmacro %}
