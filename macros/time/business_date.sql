{#
  The date in the business's time zone on which an instant falls.

  instant: expression. Gives a date.
#}
{% macro business_date(instant) -%}
    {{ adapter.dispatch('business_date')(instant) }}
{%- endmacro %}

{% macro default__business_date(instant) -%}
    cast({{ instant }} at time zone '{{ var("business_timezone") }}' as date)
{%- endmacro %}

{% macro bigquery__business_date(instant) -%}
    date({{ instant }}, '{{ var("business_timezone") }}')
{%- endmacro %}

{% macro snowflake__business_date(instant) -%}
    cast(convert_timezone('{{ var("business_timezone") }}', {{ instant }}) as date)
{%- endmacro %}
