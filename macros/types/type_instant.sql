{#
  What the engine calls an instant: a point in time to the microsecond, the same for all readers, whatever their time zone.
  In YAML, where macros can't be called, the variable `instant_type` says it; so this macro reads it too.
#}
{% macro type_instant() -%}
    {{ var('instant_type')[target.type] }}
{%- endmacro %}
