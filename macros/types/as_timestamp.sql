{#
  A timestamp with time zone from text: ISO 8601 with a zone (`Z` or an offset), to the microsecond. Text without a zone means
  another point in time on another server, so don't use it. Fails for a text that is not a timestamp; `safe_timestamp` returns null.

  text: expression of type text, or a literal.
#}
{% macro as_timestamp(text) -%}
    cast({{ text }} as {{ type_timestamptz() }})
{%- endmacro %}
