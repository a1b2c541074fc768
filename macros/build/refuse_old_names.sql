{#
  Fails when an older version of Waterworks has filled the warehouse: some names are different now, and the message says what to run (`upgrade`).
  Otherwise a read log under its old name would count as none, and a table whose last read failed would be built and published.
  Facts and snapshots with old names need no check: a build recreates what it has no variables of (`should_full_refresh`).
#}
{% macro refuse_old_names() -%}
    {%- if old_read_logs(graph.sources.values() | map(attribute='schema') | unique) or old_build_table() -%}
        {{ exceptions.raise_compiler_error(
            'An older version of Waterworks filled this warehouse, and some names are different now. Nothing is lost. '
            ~ 'Run: dbt run-operation upgrade, then dbt build'
        ) }}
    {%- endif -%}
{%- endmacro %}

{# The names of a table's columns, in lower case; none when there is no such table. #}
{% macro column_names(database, schema, identifier) -%}
    {%- set relation = adapter.get_relation(database, schema, identifier) -%}
    {{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list if relation else []) }}
{%- endmacro %}
