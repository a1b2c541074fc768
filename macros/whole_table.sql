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
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{# What a generic test reads: the whole table, or what its `where` leaves of it. Replaces dbt's macro. #}
{% macro default__get_where_subquery(relation) -%}
    {%- if config.get('where') -%}
        {{ return('(select * from ' ~ whole_table(relation) ~ ' where ' ~ config.get('where') ~ ') as dbt_subquery') }}
    {%- else -%}
        {{ return(whole_table(relation)) }}
    {%- endif -%}
{%- endmacro %}

{# dbt's test `relationships`, whose other side can be a large fact too. Replaces dbt's macro. #}
{% macro default__test_relationships(model, column_name, to, field) %}
    select child.{{ column_name }}
    from (select * from {{ model }}) as child
    left join (select * from {{ whole_table(to) }}) as parent
        on child.{{ column_name }} = parent.{{ field }}
    where
        child.{{ column_name }} is not null
        and parent.{{ field }} is null
{% endmacro %}
