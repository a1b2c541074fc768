{#
  Statements that make the schema `published`: a view of each audited table, and `data_status`. After a run that did not pass
  only `data_status`, and only when there is none.
    PostgreSQL  replacing a view waits for whoever reads it, so nothing is done when all views are there and as they would be made:
                the comment of `data_status` is the MD5 of what they were made from

  models, run: as for `publish`.   there: of `publication_catalogue`.
#}
{% macro publish_views(models, run, there) -%}
    {%- if run.outcome == 'published' or published_relation('data_status') | string not in there -%}
        {{ adapter.dispatch('publish_views')(models if run.outcome == 'published' else [], data_status_view(models, there), there) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__publish_views(models, data_status, there) -%}
    {%- for model in models %}
        create or replace view {{ model.published }} as select * from {{ model.audited }};
    {%- endfor %}
    {{- data_status }};
    {{ drop_unpublished(models, there) if models }}
{%- endmacro %}

{% macro postgres__publish_views(models, data_status, there) -%}
    {%- set statements = default__publish_views(models, data_status, there) -%}
    {%- set made_from = [statements] -%}
    {%- for model in models -%}
        {#- Where the columns of the copy are others, `make_audited` has dropped the view. -#}
        {%- set columns = there[model.built | string].columns -%}
        {%- do made_from.append(columns) -%}
        {%- if model.published | string not in there or there.get(model.audited | string, {}).columns != columns -%}
            {%- do made_from.append(invocation_id) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set comment = local_md5(made_from | join) -%}
    {%- set view = published_relation('data_status') -%}
    {%- if there.get(view | string, {}).comment != comment %}
        {{ statements }}
        comment on view {{ view }} is '{{ comment }}';
    {%- endif %}
{%- endmacro %}

{# A model that is no longer published must not go on saying what was true when it last was. #}
{% macro drop_unpublished(models, there) -%}
    {%- set kept = [published_relation('data_status') | string] -%}
    {%- for own in ('publications', 'publication_sources', 'build') -%}
        {%- do kept.append(audited_relation(own) | string) -%}
    {%- endfor -%}
    {%- for model in models -%}
        {%- do kept.extend([model.audited | string, model.published | string]) -%}
    {%- endfor -%}
    {%- for name, relation in there.items() if name not in kept and relation.schema == published_relation('any').schema %}
        drop view {{ name }};
    {%- endfor -%}
    {%- for name, relation in there.items() if name not in kept and relation.schema == audited_relation('any').schema %}
        drop table {{ name }};
    {%- endfor -%}
{%- endmacro %}
