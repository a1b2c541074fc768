{#
  A join that gives a row for each element of a JSON array, as the JSON column `element` of the alias; none where the key
  is missing or its value is not an array.

  column: the JSON column.   key: the array's key at the top of the object.   as_name: the alias.
#}
{% macro json_elements(column, key, as_name) -%}
    {{ adapter.dispatch('json_elements')(column, key, as_name) }}
{%- endmacro %}

{% macro duckdb__json_elements(column, key, as_name) -%}
    cross join lateral (
        select unnest(json_extract({{ column }}, '$."{{ key }}"[*]')) as element
    ) as {{ as_name }}
{%- endmacro %}

{% macro postgres__json_elements(column, key, as_name) -%}
    cross join lateral json_array_elements(
        case when json_typeof({{ column }} -> '{{ key }}') = 'array' then {{ column }} -> '{{ key }}' end
    ) as {{ as_name }} (element)
{%- endmacro %}

{# For a value that is not an array BigQuery returns null; its stand-in in the tests fails, so we check first. #}
{% macro bigquery__json_elements(column, key, as_name) -%}
    {%- set path = "'$.\"" ~ key ~ "\"'" -%}
    cross join unnest(
        array(
            select as struct element
            from unnest(json_query_array(case when starts_with(json_query({{ column }}, {{ path }}), '[') then {{ column }} end, {{ path }})) as element
        )
    ) as {{ as_name }}
{%- endmacro %}

{% macro snowflake__json_elements(column, key, as_name) -%}
    cross join lateral flatten(
        input => case when is_array({{ column }}:"{{ key }}") then {{ column }}:"{{ key }}" end
    ) as {{ as_name }} (seq, key, path, index, element, this)
{%- endmacro %}
