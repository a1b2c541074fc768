{# The key of `dim_date` for a date: the integer YYYYMMDD. on_date: expression of type date. #}
{% macro date_id(on_date) -%}
    cast(
        extract(year from {{ on_date }}) * 10000
        + extract(month from {{ on_date }}) * 100
        + extract(day from {{ on_date }}) as integer
    )
{%- endmacro %}
