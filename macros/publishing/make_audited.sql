{#
  Statements that make a model's table in `audited`, empty, when there is none or its columns are no longer the model's.
    PostgreSQL  with the model's indexes: it is the copy that dashboards read
    BigQuery    with the model's partitions and clusters

  model: of `published_models`.   there: of `publication_catalogue`.
#}
{% macro make_audited(model, there) -%}
    {%- set known = there.get(model.audited | string) -%}
    {%- set columns = there[model.built | string].columns -%}
    {%- if not known or known.columns != columns -%}
        {%- if known %}
            drop view if exists {{ model.published }};
            drop table {{ model.audited }};
        {%- endif %}
        {{ adapter.dispatch('make_audited')(model, columns) }};
    {%- endif -%}
{%- endmacro %}

{% macro default__make_audited(model, columns) -%}
    create table {{ model.audited }} as select * from {{ model.built }} limit 0
{%- endmacro %}

{% macro postgres__make_audited(model, columns) -%}
    create table {{ model.audited }} (like {{ model.built }} including all)
{%- endmacro %}

{% macro bigquery__make_audited(model, columns) -%}
    create table {{ model.audited }} ({{ columns }})
    {%- if model.day %} partition by {{ model.day }}{% endif %}
    {%- if model.cluster_by %} cluster by {{ model.cluster_by | join(', ') }}{% endif %}
{%- endmacro %}
