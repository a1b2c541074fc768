{#
  A hook of every run: lets the readers of published tables (`+grants` in dbt_project.yml) into the tables' schemas.
    PostgreSQL  `grant usage`, without which `grant select` on a table is worth nothing
#}
{% macro grant_schemas() -%}
    {{ adapter.dispatch('grant_schemas')() }}
{%- endmacro %}

{% macro default__grant_schemas() -%}
{%- endmacro %}

{% macro postgres__grant_schemas() -%}
    {%- set granted = [] -%}
    {%- for node in (graph.nodes if execute else {}).values() if node.config.get('grants') and node.schema in schemas -%}
        {%- do granted.append('grant usage on schema ' ~ adapter.quote(node.schema) ~ ' to ' ~ node.config.grants.select | join(', ')) -%}
    {%- endfor -%}
    {{ granted | unique | join(';') }}
{%- endmacro %}
