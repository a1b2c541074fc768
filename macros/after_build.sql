{#
  A hook of every table, for what an engine wants when it has been written.
    PostgreSQL  an index on each snapshot's key and range; ANALYZE, as autovacuum may come after the next model has been planned.
                Nothing here is `unlogged`: a crash empties such a table, and until the next full build a dashboard would say
                zero, or a fact that is built alone from an emptied table would be wrong in silence
#}
{% macro after_build() -%}
    {{ adapter.dispatch('after_build')() }}
{%- endmacro %}

{% macro default__after_build() -%}
{%- endmacro %}

{% macro postgres__after_build() -%}
    {%- if model.resource_type == 'snapshot' -%}
        create index if not exists {{ this.identifier }}__versions on {{ this }} ({{ config.get('unique_key') }}, dbt_valid_from);
    {% endif -%}
    analyze {{ this }}
{%- endmacro %}
