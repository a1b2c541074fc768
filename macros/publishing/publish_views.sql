{#
  Statements that make the schema `published`: a view of each audited table, and `data_status`. After a run that did not pass
  only `data_status`, and only when there is none.
    PostgreSQL  replacing a view waits for whoever reads it, so nothing is done when all views are there and as they would be made:
                the comment of `data_status` is the MD5 of what they were made from

  models, run: as for `publish`.   there: of `publication_catalogue`.   made: of `made_by_publishing`.
#}
{% macro publish_views(models, run, there, made) -%}
    {%- if run.outcome == 'published' or published_relation('data_status') | string not in there -%}
        {{ adapter.dispatch('publish_views')(models if run.outcome == 'published' else [], data_status_view(models, there), there, made) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__publish_views(models, data_status, there, made) -%}
    {%- for model in models %}
        create or replace view {{ model.published }} as select * from {{ model.audited }};
    {%- endfor %}
    {{- data_status }};
    {{ drop_unpublished(models, made) if models }}
{%- endmacro %}

{% macro postgres__publish_views(models, data_status, there, made) -%}
    {%- set statements = default__publish_views(models, data_status, there, made) -%}
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

{# A model that is no longer published must not go on saying what was true when it last was. What we did not make stays (`made`). #}
{% macro drop_unpublished(models, made) -%}
    {%- for name in made | reject('in', models | map(attribute='name') | list) %}
        drop view if exists {{ published_relation(name) }};
        drop table if exists {{ audited_relation(name) }};
        delete from {{ audited_relation('publication_models') }} where model = '{{ name }}';
    {%- endfor %}
{%- endmacro %}
