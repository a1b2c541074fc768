{#
  The variables with which each relation was built: the rows of `audited.built_with` as a dictionary by relation, as text, of JSON text. '' for
  a relation that a run began to build with other variables and did not complete.

  relation: only that one; all by default.
#}
{% macro built_with(relation=none) -%}
    {%- set table, found = audited_relation('built_with'), {} -%}
    {%- if adapter.get_relation(table.database, table.schema, table.identifier) -%}
        {%- set condition = " where relation = '" ~ relation_name(relation) ~ "'" if relation else '' -%}
        {%- for row in run_query('select relation, variables from ' ~ table ~ condition).rows -%}
            {%- do found.update({row['relation']: row['variables']}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{# The name of a relation in `audited.built_with`: the same on every engine. #}
{% macro relation_name(relation) -%}
    {{ return(relation.schema ~ '.' ~ relation.identifier) }}
{%- endmacro %}
