{#
  A lateral join that gives a row for each element of a JSON array, as the column `element` of the alias.

  column: the JSON column.   key: the array's key at the top of the object.   as_name: the alias.
#}
{% macro json_elements(column, key, as_name) -%}
    {{ adapter.dispatch('json_elements')(column, key, as_name) }}
{%- endmacro %}

{% macro default__json_elements(column, key, as_name) -%}
    cross join lateral jsonb_array_elements(cast({{ column }} -> '{{ key }}' as jsonb)) as {{ as_name }} (element)
{%- endmacro %}

{% macro duckdb__json_elements(column, key, as_name) -%}
    cross join lateral (
        select unnest(from_json(json_extract({{ column }}, '$.{{ key }}'), '["json"]')) as element
    ) as {{ as_name }}
{%- endmacro %}
