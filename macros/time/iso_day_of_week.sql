{# The ISO 8601 day of the week of a date, 1 (Monday) to 7 (Sunday), as an integer. on_date: expression of type date. #}
{% macro iso_day_of_week(on_date) -%}
    {{ adapter.dispatch('iso_day_of_week')(on_date) }}
{%- endmacro %}

{% macro default__iso_day_of_week(on_date) -%}
    cast(extract(isodow from {{ on_date }}) as integer)
{%- endmacro %}

{# BigQuery's week begins on Sunday, its day 1. #}
{% macro bigquery__iso_day_of_week(on_date) -%}
    mod(extract(dayofweek from {{ on_date }}) + 5, 7) + 1
{%- endmacro %}

{% macro snowflake__iso_day_of_week(on_date) -%}
    dayofweekiso({{ on_date }})
{%- endmacro %}
