{# Text without blanks around it; null when nothing is left, so that a blank name is not taken for a name. #}
{% macro clean_text(column) -%}
    nullif(trim({{ column }}), '')
{%- endmacro %}
