{#
  Text that is ordered and compared by code point, whatever collation the database was made with. Say it wherever text
  is sorted or compared by `<` and `>`, as load ids are, and for `min` and `max` of text; equality needs none.

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
