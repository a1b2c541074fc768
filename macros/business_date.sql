{#
  The date in the business's time zone on which an instant falls.
  instant: an expression of type timestamp with time zone. Gives a date.
#}
{% macro business_date(instant) -%}
    cast({{ instant }} at time zone '{{ var("business_timezone") }}' as date)
{%- endmacro %}
