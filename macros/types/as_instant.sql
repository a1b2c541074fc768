{#
  An instant from text: ISO 8601 with a zone (`Z` or an offset), to the microsecond. Text without a zone means
  another instant on another server, so don't give one. Fails for what is no instant; `safe_instant` gives null.

  text: expression of type text, or a literal.
#}
{% macro as_instant(text) -%}
    cast({{ text }} as {{ type_instant() }})
{%- endmacro %}
