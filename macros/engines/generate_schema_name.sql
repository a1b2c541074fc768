{#
  The schema of a node: the layer's name (`staging`, `core` …), with the target's schema before it for
  everyone but the shared warehouse, whose target schema is `unfiled`. So two developers, or a pull
  request, build side by side in one warehouse, and a node without a layer shows up in `unfiled`.
  Overrides dbt's macro of the same name.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif target.schema == 'unfiled' -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
