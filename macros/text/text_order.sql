{#
  Text that is ordered and compared by code point, whatever the database's collation. Use it wherever text
  is sorted or compared by `<` and `>`, such as load ids, and for `min` and `max` of text; equality does not need it.

  expression: of type text.
#}
{% macro text_order(expression) -%}
    {{ adapter.dispatch('text_order')(expression) }}
{%- endmacro %}

{% macro default__text_order(expression) -%}
    {{ expression }}
{%- endmacro %}

{% macro postgres__text_order(expression) -%}
    {{ expression }} collate "C"
{%- endmacro %}
