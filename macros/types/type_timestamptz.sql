{#
  What the engine calls a timestamp with time zone: a point in time to the microsecond, the same for all readers, whatever their time zone.
  In YAML, where macros can't be called, the variable `timestamp_type` has the same names; this macro reads them from there.
#}
{% macro type_timestamptz() -%}
    {{ var('timestamp_type')[target.type] }}
{%- endmacro %}
