{#
  The ids of the loads that were complete when the run began (`run_began_at`), as a subquery. Loads that are completed later are the next
  run's: half of this one would know of them, and the tests of their tables have run already.

  loads: the relation of a source's `_dlt_loads`.
#}
{% macro complete_loads(loads) -%}
    select load_id from {{ loads }}
    where status = 0 and inserted_at <= {{ run_began_at() }}
{%- endmacro %}
