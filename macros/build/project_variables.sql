{#
  The variables of dbt_project.yml with the values of this run, as JSON text: what `audited.built_with` holds for each relation. All of
  them, as dbt does not say which of them a model depends on. A macro can't list them, so dbt_project.yml repeats the list, by a YAML
  alias, in the `meta` of `data_status`.
#}
{% macro project_variables() -%}
    {%- set values = {} -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.get('variables') -%}
        {%- for name in node.config.meta.variables -%}
            {%- do values.update({name: var(name)}) -%}
        {%- endfor -%}
        {{ return(tojson(values, sort_keys=true)) }}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error('dbt_project.yml does not pass its variables on: add `+meta: {variables: *variables}` to models/publishing.') }}
{%- endmacro %}
