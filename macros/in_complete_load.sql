{#
  A condition on a raw table: only rows of loads that were complete when the run began (`run_began_at`). dlt writes a load's row in
  `_dlt_loads` last of all, so what a load that died has left behind is not read until the load has been finished.

  source_name: the dbt source, whose schema holds `_dlt_loads`.
#}
{% macro in_complete_load(source_name) -%}
    _dlt_load_id in (
        select load_id from {{ source(source_name, '_dlt_loads') }}
        where status = 0 and inserted_at <= {{ run_began_at() }}
    )
{%- endmacro %}
