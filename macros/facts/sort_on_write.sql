{#
  The end of the last select of a large fact: on DuckDB it writes the rows in this order, so that a query for some days skips
  the blocks of others. PostgreSQL has indexes, BigQuery partitions and clusters; a sort would only cost time there.

  columns: by which to sort, the day first.
#}
{% macro sort_on_write(columns) -%}
    {{ adapter.dispatch('sort_on_write')(columns) }}
{%- endmacro %}

{% macro default__sort_on_write(columns) -%}
{%- endmacro %}

{% macro duckdb__sort_on_write(columns) -%}
    order by {{ columns | join(', ') }}
{%- endmacro %}
