{#
  A date from text; null for anything but `YYYY-MM-DD`, for a day that the calendar does not have, and for years before 1000.

  text: expression of type text.
#}
{% macro safe_date(text) -%}
    {{ safe_cast_matching(text, '[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}', 'date') }}
{%- endmacro %}
