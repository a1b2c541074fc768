{#
  The date in the business's time zone on which a point in time falls.

  at: expression, a timestamp with time zone. Gives a date.
#}
{% macro business_date(at) -%}
    {{ adapter.dispatch('business_date')(at) }}
{%- endmacro %}

{% macro default__business_date(at) -%}
    cast({{ at }} at time zone '{{ var("business_timezone") }}' as date)
{%- endmacro %}

{% macro bigquery__business_date(at) -%}
    date({{ at }}, '{{ var("business_timezone") }}')
{%- endmacro %}

{% macro snowflake__business_date(at) -%}
    cast(convert_timezone('{{ var("business_timezone") }}', {{ at }}) as date)
{%- endmacro %}
