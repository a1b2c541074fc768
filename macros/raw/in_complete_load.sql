{#
  A condition on a raw table: only rows of loads that are complete. dlt writes a load's row in `_dlt_loads` last, so
  the rows of a killed load are not read until that load is finished.

  source_name: the dbt source, whose schema holds `_dlt_loads`.
#}
{% macro in_complete_load(source_name) -%}
    _dlt_load_id in ({{ complete_loads(source(source_name, '_dlt_loads')) }})
{%- endmacro %}
