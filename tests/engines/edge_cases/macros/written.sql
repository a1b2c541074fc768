{# A seed's cell as text. A seed can't hold the empty string (docs/engines.md), so it is written `(empty)`. #}
{% macro written(column) -%}
    case when {{ column }} = '(empty)' then '' else {{ column }} end
{%- endmacro %}
