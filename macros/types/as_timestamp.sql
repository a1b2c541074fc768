{#
  A timestamp with time zone from text: ISO 8601 with a zone (`Z` or an offset), to the microsecond. Text without a zone means
  another point in time on another server, so don't give one. Fails for what is no timestamp; `safe_timestamp` gives null.

  text: expression of type text, or a literal.
#}
{% macro as_timestamp(text) -%}
    cast({{ text }} as {{ type_timestamptz() }})
{%- endmacro %}
