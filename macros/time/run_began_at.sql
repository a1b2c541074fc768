{# The instant at which this run began, by the clock of the machine that runs dbt. #}
{% macro run_began_at() -%}
    {{ as_instant("'" ~ run_started_at.isoformat() ~ "'") }}
{%- endmacro %}
