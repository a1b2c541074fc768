{#
  A hook of every table: what an engine needs after it was written.
    PostgreSQL  ANALYZE, as autovacuum may come after the next model has been planned. Nothing here is `unlogged`: a crash empties
                such a table, and until the next full build a dashboard would show zero, or a fact that is built alone from an emptied
                table would be silently wrong
#}
{% macro after_build() -%}
    {{ after_write(this) }}
{%- endmacro %}

{# The same for a table that is no model. #}
{% macro after_write(relation) -%}
    {{ adapter.dispatch('after_write')(relation) }}
{%- endmacro %}

{% macro default__after_write(relation) -%}
{%- endmacro %}

{% macro postgres__after_write(relation) -%}
    analyze {{ relation }}
{%- endmacro %}
