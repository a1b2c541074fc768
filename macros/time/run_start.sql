{# When this run began, a timestamp, by the clock of the machine that runs dbt. #}
{% macro run_start() -%}
    {{ as_timestamp("'" ~ run_started_at.isoformat() ~ "'") }}
{%- endmacro %}
