{#
  The ids of the loads that were complete when the run began (`run_start`), as a subquery. Loads that are completed later are the next
  run's: only half of this run would see them, and the tests of their tables have already run.

  loads: the relation of a source's `_dlt_loads`.
#}
{% macro complete_loads(loads) -%}
    select load_id from {{ loads }}
    where status = 0 and inserted_at <= {{ run_start() }}
{%- endmacro %}
