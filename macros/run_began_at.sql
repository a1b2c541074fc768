{#
  The instant at which this run began, by the clock of the machine that runs dbt. Loads that are completed later are the next run's: half
  of this one would know of them, and the tests of their tables have run already.
#}
{% macro run_began_at() -%}
    {{ as_instant("'" ~ run_started_at.isoformat() ~ "'") }}
{%- endmacro %}
