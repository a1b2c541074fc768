{# A query that gives no rows: of a test that has nothing to ask yet. #}
{% macro no_rows() -%}
    select 1 as nothing from (select 1 as one) as single where one = 0
{%- endmacro %}
