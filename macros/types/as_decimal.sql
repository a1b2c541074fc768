{#
  A numeric expression as a decimal of this precision and scale, rounded half away from zero.
  Fails where the value is too large for it, on every engine but BigQuery, whose numbers hold 29 digits before the point.
  expression: of a numeric type.
#}
{% macro as_decimal(expression, precision=18, scale=2) -%}
    {{ adapter.dispatch('as_decimal')(expression, precision, scale) }}
{%- endmacro %}

{% macro default__as_decimal(expression, precision, scale) -%}
    cast({{ expression }} as decimal({{ precision }}, {{ scale }}))
{%- endmacro %}

{# BigQuery answers "Parameterized types are not allowed in CAST expressions"; its NUMERIC has nine decimals. #}
{% macro bigquery__as_decimal(expression, precision, scale) -%}
    round(cast({{ expression }} as numeric), {{ scale }})
{%- endmacro %}
