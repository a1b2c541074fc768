{#
  The text of a value inside a JSON column; null where the path leads nowhere. Money in it stays text
  until it is cast to numeric, so it never passes through a float.

  column: the JSON column.   path: a list of keys, outermost first.
#}
{% macro json_text(column, path) -%}
    {{ adapter.dispatch('json_text')(column, path) }}
{%- endmacro %}

{% macro default__json_text(column, path) -%}
    {{ column }} #>> '{ {{- path | join(",") -}} }'
{%- endmacro %}

{% macro duckdb__json_text(column, path) -%}
    json_extract_string({{ column }}, '$.{{ path | join(".") }}')
{%- endmacro %}
