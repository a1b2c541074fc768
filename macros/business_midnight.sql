{#
  The instant at which a date begins in the business's time zone.
  on_date: an expression of type date. Gives a timestamp with time zone.
#}
{% macro business_midnight(on_date) -%}
    cast({{ on_date }} as timestamp) at time zone '{{ var("business_timezone") }}'
{%- endmacro %}
