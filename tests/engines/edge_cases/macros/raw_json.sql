{# A seed's cell with the type that JSON has in raw. #}
{% macro raw_json(column) -%}
    {{ adapter.dispatch('raw_json')(column) }}
{%- endmacro %}

{% macro default__raw_json(column) -%}
    cast({{ column }} as json)
{%- endmacro %}

{% macro bigquery__raw_json(column) -%}
    {{ column }}
{%- endmacro %}

{% macro snowflake__raw_json(column) -%}
    parse_json({{ column }})
{%- endmacro %}
