{# A query without rows, for a test or a materialization that has nothing to do. Gives one column, `nothing`. #}
{% macro empty_result() -%}
    select 1 as nothing from (select 1 as one) as single where one = 0
{%- endmacro %}
