{# Microseconds from 1970-01-01 00:00 UTC to an instant, as an integer. instant: expression. #}
{% macro epoch_microseconds(instant) -%}
    {{ adapter.dispatch('epoch_microseconds')(instant) }}
{%- endmacro %}

{% macro default__epoch_microseconds(instant) -%}
    cast(extract(epoch from {{ instant }}) * 1000000 as bigint)
{%- endmacro %}

{% macro duckdb__epoch_microseconds(instant) -%}
    epoch_us({{ instant }})
{%- endmacro %}

{% macro bigquery__epoch_microseconds(instant) -%}
    unix_micros({{ instant }})
{%- endmacro %}

{% macro snowflake__epoch_microseconds(instant) -%}
    date_part(epoch_microsecond, {{ instant }})
{%- endmacro %}
