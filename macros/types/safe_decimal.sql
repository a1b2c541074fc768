{#
  An exact number from text, rounded half away from zero to `scale` places; null for a text that is not a number (NaN and
  Infinity included) or needs more than `precision` digits. The text: an optional minus, 1 to 38 digits, optionally a point
  and 1 to 38 digits, optionally an exponent (`1.5e3`). It is never converted to a float.

  text: expression of type text.   precision, scale: as in decimal(precision, scale).
#}
{% macro safe_decimal(text, precision, scale) -%}
    {%- set pattern = '-?[0-9]{1,38}([.][0-9]{1,38})?([eE][+-]?[0-9]{1,2})?' -%}
    {{ adapter.dispatch('safe_decimal')(text, pattern, precision, scale) }}
{%- endmacro %}

{% macro default__safe_decimal(text, pattern, precision, scale) -%}
    {{ safe_cast_matching(text, pattern, 'decimal(' ~ precision ~ ', ' ~ scale ~ ')') }}
{%- endmacro %}

{#
  By way of BIGNUMERIC, as a NUMERIC rounds text to nine places before we round: 0.0049999999999 would become
  0.01. Not decimal(18, 2), as BigQuery allows no parameters in a cast; the size is compared instead: 29 digits before the point are what a NUMERIC holds.
#}
{% macro bigquery__safe_decimal(text, pattern, precision, scale) -%}
    {%- set number = 'round(' ~ safe_cast_matching(text, pattern, 'bignumeric') ~ ', ' ~ scale ~ ')' -%}
    {%- if precision - scale == 29 and scale <= 9 -%}
        safe_cast({{ number }} as numeric)
    {%- else -%}
        {%- set type = 'numeric' if precision - scale < 29 and scale <= 9 else 'bignumeric' -%}
        case when abs({{ number }}) < bignumeric '1e{{ precision - scale }}' then cast({{ number }} as {{ type }}) end
    {%- endif -%}
{%- endmacro %}
