{#
  Whether an incremental model, or a snapshot of `strategy: history`, is rebuilt: with `--full-refresh`, as always, and when it was built with
  other variables than this run has, such as another `business_timezone`. Rows of both in one table would be silently wrong.
  Overrides dbt's macro of the same name, which every materialization and `is_incremental` call.
#}
{% macro should_full_refresh() -%}
    {%- set configured = config.get('full_refresh') -%}
    {%- if configured is not none -%}
        {{ return(configured) }}
    {%- elif flags.FULL_REFRESH or not execute or model.config.materialized not in ('incremental', 'snapshot') -%}
        {{ return(flags.FULL_REFRESH) }}
    {%- endif -%}
    {{ return(built_with(this).get(relation_name(this)) != project_variables()) }}
{%- endmacro %}
