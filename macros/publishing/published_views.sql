{#
  Statements that make the schema `published`: a view of each audited table, and `data_status`.

  publication: of `publish`.
#}
{% macro create_published_views(publication) -%}
    {%- if publication.outcome == 'published' -%}
        {{ adapter.dispatch('create_published_views')(publication) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__create_published_views(publication) -%}
    {%- for model in publication.models %}
        create or replace view {{ model.published }} as
        select {{ published_columns(model, publication.there[model.built | string].names.split(',')) }} from {{ model.audited }};
    {%- endfor %}
    create or replace view {{ published_relation('data_status') }} as
    {{ publication.data_status }};
    {{ drop_unpublished(publication) }}
{%- endmacro %}

{#
  Replacing a view waits for its readers, so nothing is done if no view would change: the comment of
  `data_status` is the MD5 of what the views were made from. `create_audited_tables` has dropped the view of a table whose columns changed.
#}
{% macro postgres__create_published_views(publication) -%}
    {%- set there = publication.there -%}
    {%- set statements = default__create_published_views(publication) -%}
    {%- set made_from = [statements] -%}
    {%- for model in publication.models -%}
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

{# A model that is no longer published must not keep showing its last rows. What publishing did not make stays. #}
{% macro drop_unpublished(publication) -%}
    {%- for name in publication.made | reject('in', publication.models | map(attribute='name') | list) %}
        drop view if exists {{ published_relation(name) }};
        drop table if exists {{ audited_relation(name) }};
        delete from {{ audited_relation('publication_models') }} where model = '{{ name }}';
    {%- endfor %}
{%- endmacro %}

{#
  PostgreSQL: readers get the schema `published` and everything in it, and so do roles that may read personal data; a role that is no longer in
  WAREHOUSE_READERS loses it. If the variable is not set, as in an analyst's shell, nothing changes.
#}
{% macro grant_to_readers(publication) -%}
    {%- set view = published_relation('data_status') -%}
    {%- set known = (publication.there.get(view | string, {}).readers or '').split(',') | select | list -%}
    {%- set readers = env_var('WAREHOUSE_READERS', known | join(',')).split(',') | map('trim') | select | list -%}
    {%- set readers = (readers + publication.personal_data_readers) | unique | list -%}
    {%- set former = known | reject('in', readers) | list -%}
    {%- if former %}
        revoke select on all tables in schema {{ view.schema }} from {{ former | join(', ') }};
        revoke usage on schema {{ view.schema }} from {{ former | join(', ') }};
    {%- endif %}
    {%- if readers %}
        grant usage on schema {{ view.schema }} to {{ readers | join(', ') }};
        grant select on all tables in schema {{ view.schema }} to {{ readers | join(', ') }};
    {%- endif %}
{%- endmacro %}
