{# The ISO 8601 week of a date, 1 to 53, as an integer. on_date: expression of type date. #}
{% macro iso_week(on_date) -%}
    {{ adapter.dispatch('iso_week')(on_date) }}
{%- endmacro %}

{% macro default__iso_week(on_date) -%}
    cast(extract(week from {{ on_date }}) as integer)
{%- endmacro %}

{# BigQuery's `week` counts from the first Sunday of the year. #}
{% macro bigquery__iso_week(on_date) -%}
    cast(extract(isoweek from {{ on_date }}) as integer)
{%- endmacro %}

{% macro snowflake__iso_week(on_date) -%}
    weekiso({{ on_date }})
{%- endmacro %}
