{#
  The point in time at which a date begins in the business's time zone.

  on_date: expression of type date. Gives a timestamp with time zone.
#}
{% macro business_midnight(on_date) -%}
    {{ adapter.dispatch('business_midnight')(on_date) }}
{%- endmacro %}

{% macro default__business_midnight(on_date) -%}
    cast({{ on_date }} as timestamp) at time zone '{{ var("business_timezone") }}'
{%- endmacro %}

{% macro bigquery__business_midnight(on_date) -%}
    timestamp({{ on_date }}, '{{ var("business_timezone") }}')
{%- endmacro %}

{% macro snowflake__business_midnight(on_date) -%}
    cast(convert_timezone('{{ var("business_timezone") }}', 'UTC', cast({{ on_date }} as timestamp_ntz)) as timestamp_tz)
{%- endmacro %}
