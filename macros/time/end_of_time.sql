{# The `valid_to` of a current version. A value and not null, so that "valid at" is one comparison. #}
{% macro end_of_time() -%}
    {{ as_timestamp("'9999-12-31 00:00:00+00'") }}
{%- endmacro %}
