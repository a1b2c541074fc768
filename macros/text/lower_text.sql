{#
  Text in lower case, letters beyond ASCII included, whatever the database's locale: in PostgreSQL's C locale
  `lower` leaves an É as it is. Each letter becomes one letter, without the rules of a language such as the final sigma.

  text: expression of type text.
#}
{% macro lower_text(text) -%}
    {{ adapter.dispatch('lower_text')(text) }}
{%- endmacro %}

{% macro default__lower_text(text) -%}
    lower({{ text }})
{%- endmacro %}

{# The second `collate` keeps the first out of later comparisons, where PostgreSQL refuses two different ones. #}
{% macro postgres__lower_text(text) -%}
    (lower({{ text }} collate "{{ var('postgres_lower_collation') }}") collate "default")
{%- endmacro %}
