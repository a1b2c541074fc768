{#
  What is written into `audited.built_with`:
    mark_variables    relations that a run begins to build with other variables than before: until it is complete, what they hold is unknown
    record_variables  the hook at the end of every run: the variables of what it built
    accept_variables  `dbt run-operation`: keeps a snapshot as it is, whatever variables it was built with

  names: of `relation_name`.   results: of dbt.   name: of a snapshot or model.
#}
{% macro mark_variables(names) -%}
    {%- if names -%}
        {%- do write_variables(names, '') -%}
    {%- endif -%}
{%- endmacro %}

{% macro record_variables(results) -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry') -%}
        {%- set variables, recorded, names = project_variables(), built_with(), [] -%}
        {%- for result in results if result.status == 'success' and result.node.resource_type in ('model', 'snapshot', 'seed') -%}
            {%- set name = relation_name(api.Relation.create(schema=result.node.schema, identifier=result.node.alias)) -%}
            {%- if recorded.get(name) != variables -%}
                {%- do names.append(name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if names -%}
            {%- do write_variables(names, variables) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro accept_variables(name) -%}
    {%- for node in graph.nodes.values() if node.name == name and node.resource_type in ('model', 'snapshot') -%}
        {%- do write_variables([relation_name(api.Relation.create(schema=node.schema, identifier=node.alias))], project_variables()) -%}
        {%- do log(name ~ ' counts as built with the present variables.', info=true) -%}
    {%- endfor -%}
{%- endmacro %}

{# Runs the statements, and commits: hooks are in no transaction that dbt would end. One merge, so that no row is ever missing. #}
{% macro write_variables(names, variables) -%}
    {%- set table = audited_relation('built_with') -%}
    {%- call statement('write_variables', auto_begin=true) -%}
        create schema if not exists {{ table.include(database=false, identifier=false) }};
        create table if not exists {{ table }} (relation {{ dbt.type_string() }} not null, variables {{ dbt.type_string() }} not null);
        merge into {{ table }} as known
        using (
            {%- for name in names %}
            select '{{ name }}' as relation{{ ' union all' if not loop.last }}
            {%- endfor %}
        ) as built
            on known.relation = built.relation
        when matched then update set variables = {{ text_literal(variables) }}
        when not matched then insert (relation, variables) values (built.relation, {{ text_literal(variables) }});
        {{ after_write(table) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endmacro %}
