{# Microseconds from 1970-01-01 00:00 UTC to a timestamp, as an integer. at: expression. #}
{% macro epoch_microseconds(at) -%}
    {{ adapter.dispatch('epoch_microseconds')(at) }}
{%- endmacro %}

{% macro default__epoch_microseconds(at) -%}
    cast(extract(epoch from {{ at }}) * 1000000 as bigint)
{%- endmacro %}

{% macro duckdb__epoch_microseconds(at) -%}
    epoch_us({{ at }})
{%- endmacro %}

{% macro bigquery__epoch_microseconds(at) -%}
    unix_micros({{ at }})
{%- endmacro %}

{% macro snowflake__epoch_microseconds(at) -%}
    date_part(epoch_microsecond, {{ at }})
{%- endmacro %}
