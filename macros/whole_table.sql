{#
  A relation, to be read in full by a test: where it is a large fact that wants a filter on its day (BigQuery's
  `require_partition_filter`), a subquery with `on_any_day`. Models and tests written by hand say that themselves.

  relation: what `ref` gives.
#}
{% macro whole_table(relation) -%}
    {%- set facts = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.relation_name == relation | string and node.config.get('require_partition_filter') -%}
            {%- do facts.append(node) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if facts -%}
        (select * from {{ relation }} where {{ on_any_day(facts[0].config.partition_by.field) }}) as whole
    {%- else -%}
        {{ return(relation) }}
    {%- endif -%}
{%- endmacro %}
