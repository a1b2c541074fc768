{#
  A quotient as an exact decimal: rounded once, half away from zero, to `scale` places; null when the denominator is 0
  or null. The engines' own division gives a double (DuckDB), a number cut to some places before we round
  (PostgreSQL, BigQuery), or an integer; so this divides integers: (2 * n * 10^scale ± d) div (2 * d).

  numerator, denominator: expressions of an integer or decimal type, of at most 6 places and 22 digits before the point.
#}
{% macro divide(numerator, denominator, scale=2) -%}
    {%- set unit = '0.' ~ '0' * (scale - 1) ~ '1' if scale else '1' -%}
    {{ adapter.dispatch('divide')(numerator, denominator, scale, unit) }}
{%- endmacro %}

{% macro default__divide(numerator, denominator, scale, unit) -%}
    {%- set n = 'cast(' ~ numerator ~ ' as numeric)' -%}
    {%- set d = 'cast(' ~ denominator ~ ' as numeric)' -%}
    cast(
        div(2 * {{ n }} * {{ 10 ** scale }} + sign({{ n }}) * abs({{ d }}), 2 * nullif({{ d }}, 0)) * {{ unit }} as numeric(38, {{ scale }})
    )
{%- endmacro %}

{% macro duckdb__divide(numerator, denominator, scale, unit) -%}
    {%- set n = 'cast(cast(' ~ numerator ~ ' as decimal(38, 6)) * 1000000 as hugeint)' -%}
    {%- set d = 'cast(cast(' ~ denominator ~ ' as decimal(38, 6)) * 1000000 as hugeint)' -%}
    cast(
        cast((2 * {{ n }} * {{ 10 ** scale }} + sign({{ n }}) * abs({{ d }})) // (2 * nullif({{ d }}, 0)) as decimal(30, 0))
        * cast({{ unit }} as decimal(8, {{ scale }})) as decimal(38, {{ scale }})
    )
{%- endmacro %}

{# The last `round` changes nothing on BigQuery; the stand-in of the tests computes `div` of large numbers in floats. #}
{% macro bigquery__divide(numerator, denominator, scale, unit) -%}
    {%- set n = 'cast(' ~ numerator ~ ' as bignumeric)' -%}
    {%- set d = 'cast(' ~ denominator ~ ' as bignumeric)' -%}
    cast(
        round(
            div((2 * {{ n }} * {{ 10 ** scale }} + sign({{ n }}) * abs({{ d }})), (2 * nullif({{ d }}, 0))) * bignumeric '{{ unit }}',
            {{ scale }}
        ) as numeric
    )
{%- endmacro %}

{# Snowflake has no integer division and rounds the quotient, so the remainder is subtracted first. Tested on fakesnow only. #}
{% macro snowflake__divide(numerator, denominator, scale, unit) -%}
    {%- set n = 'cast(' ~ numerator ~ ' as number(38, 6))' -%}
    {%- set d = 'cast(' ~ denominator ~ ' as number(38, 6))' -%}
    {%- set dividend = '(2 * ' ~ n ~ ' * ' ~ 10 ** scale ~ ' + sign(' ~ n ~ ') * abs(' ~ d ~ '))' -%}
    {%- set divisor = '(2 * nullif(' ~ d ~ ', 0))' -%}
    cast(({{ dividend }} - mod({{ dividend }}, {{ divisor }})) / {{ divisor }} * {{ unit }} as number(38, {{ scale }}))
{%- endmacro %}
