{#
  What the engine calls a timestamp with time zone: a point in time to the microsecond, the same for all readers, whatever their time zone.
  In YAML, where macros can't be called, the variable `timestamp_type` says it; so this macro reads it too.
#}
{% macro type_timestamptz() -%}
    {{ var('timestamp_type')[target.type] }}
{%- endmacro %}
