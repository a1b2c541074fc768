{# The year that the ISO 8601 week of a date belongs to, as an integer. on_date: expression of type date. #}
{% macro iso_year(on_date) -%}
    {{ adapter.dispatch('iso_year')(on_date) }}
{%- endmacro %}

{% macro default__iso_year(on_date) -%}
    cast(extract(isoyear from {{ on_date }}) as integer)
{%- endmacro %}

{% macro snowflake__iso_year(on_date) -%}
    yearofweekiso({{ on_date }})
{%- endmacro %}
