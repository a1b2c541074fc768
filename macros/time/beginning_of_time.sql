{# The point in time from which the first version of every dimension member is valid, so that facts older than our first load find it. #}
{% macro beginning_of_time() -%}
    {{ as_timestamp("'1900-01-01 00:00:00+00'") }}
{%- endmacro %}
