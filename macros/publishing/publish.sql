{#
  The hook at the end of every run: `published` moves to what was built when all of it passed its tests, all at once, in one
  transaction; otherwise it stays where it was, and `published.data_status` says why. docs/publishing.md tells the reader's side.

  A model of access `public` is written to the schema of its layer, copied to `audited` once its run has passed, and read
  through a view of the same name in `published`. What became of each run stands in `audited.publications`.

  results: the variable of dbt that only a hook `on-run-end` has.
#}
{% macro publish(results) -%}
    {%- if execute -%}
        {%- set models = published_models() -%}
        {%- set run = publication_outcome(results, models) -%}
        {%- if run -%}
            {%- if run.outcome == 'failed' -%}
                {%- do log('Not published, readers keep what they have: ' ~ run.reason, info=true) -%}
            {%- endif -%}
            {%- set there = publication_catalogue(models) -%}
            {%- set made = made_by_publishing(there) -%}
            {{ refuse_foreign_relations(models if run.outcome == 'published' else [], there, made) }}
            {{ adapter.dispatch('publish')(models, run, there, made) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__publish(models, run, there, made) -%}
    begin;
    {{ publication_statements(models, run, there, made) }}
    commit
{%- endmacro %}

{% macro publication_statements(models, run, there, made) -%}
    {{ make_publications(there) }}
    {{ record_models(models if run.outcome == 'published' else [], there, made) }}
    {%- if run.outcome == 'published' -%}
        {%- for model in models %}
            {{ make_audited(model, there) }}
        {%- endfor -%}
    {%- endif %}
    {{ fill_audited(models, run, there) }}
    {{ publish_views(models, run, there, made) }}
{%- endmacro %}

{#
  All tables are copied from one snapshot of the database, whoever else writes meanwhile. The first commit ends the transaction
  that psycopg2 began by itself. A reader whose transaction stays open holds up a change of the views, which is why they are
  replaced only when they changed; after ten seconds we give up rather than hold up the readers who come after.
#}
{% macro postgres__publish(models, run, there, made) -%}
    commit;
    begin isolation level repeatable read;
    set local lock_timeout = '10s';
    {{ check_build() }}
    {{ publication_statements(models, run, there, made) }}
    {{ publication_grants(there) }}
    {%- if run.outcome == 'published' -%}
        {%- for table in models | map(attribute='audited') | list + [audited_relation('publications'), audited_relation('publication_sources')] %}
            analyze {{ table }};
        {%- endfor %}
    {%- endif %}
    commit
{%- endmacro %}

{#
  Tables can't be made in a transaction there: they are made before it, and the views after it. A table whose columns changed
  is therefore empty from then until the transaction ends.
#}
{% macro bigquery__publish(models, run, there, made) -%}
    {{ make_publications(there) }}
    {{ record_models(models if run.outcome == 'published' else [], there, made) }}
    {%- if run.outcome == 'published' -%}
        {%- for model in models %}
            {{ make_audited(model, there) }}
        {%- endfor -%}
    {%- endif %}
    begin transaction;
    {{ fill_audited(models, run, there) }}
    commit transaction;
    {{ publish_views(models, run, there, made) }}
{%- endmacro %}

{% macro make_publications(there) -%}
    {%- set publications = audited_relation('publications') -%}
    {%- if publications | string not in there %}
        create schema if not exists {{ publications.schema }};
        create schema if not exists {{ published_relation('data_status').schema }};
        create table {{ publications }} (
            run_id {{ dbt.type_string() }} not null,
            finished_at {{ type_instant() }} not null,
            outcome {{ dbt.type_string() }} not null,
            reason {{ dbt.type_string() }}
        );
        create table {{ audited_relation('publication_sources') }} (
            run_id {{ dbt.type_string() }} not null,
            source_name {{ dbt.type_string() }} not null,
            loaded_until {{ type_instant() }}
        );
    {%- endif %}
{%- endmacro %}

{# Recorded before anything is made, so that what a run that was killed has left behind is known to be ours. #}
{% macro record_models(models, there, made) -%}
    {%- set recorded = audited_relation('publication_models') -%}
    {%- set missing = [] -%}
    {%- if recorded | string not in there %}
        create table {{ recorded }} (model {{ dbt.type_string() }} not null);
        {%- do missing.extend(made) -%}
    {%- endif -%}
    {%- do missing.extend(models | map(attribute='name') | reject('in', made) | list) -%}
    {%- for name in missing %}
        insert into {{ recorded }} values ('{{ name }}');
    {%- endfor %}
{%- endmacro %}

{% macro fill_audited(models, run, there) -%}
    {%- if run.outcome == 'published' -%}
        {%- for model in models %}
            {{ copy_to_audited(model) }}
        {%- endfor -%}
        {#- What was loaded when the run began is in all that it built, and nothing else is: `in_complete_load`. -#}
        {%- for source in upstream_sources(models, there) %}
            insert into {{ audited_relation('publication_sources') }}
            select '{{ invocation_id }}', '{{ source.name }}', max(inserted_at)
            from {{ source.loads }}
            where status = 0 and inserted_at <= {{ run_began_at() }};
        {%- endfor -%}
    {%- endif %}
    insert into {{ audited_relation('publications') }}
    values ('{{ invocation_id }}', current_timestamp, '{{ run.outcome }}', {{ text_literal(run.reason) if run.reason else 'null' }});
{%- endmacro %}

{#
  Readers get the schema `published` and all in it; who is no longer named in WAREHOUSE_READERS loses it. Where the variable is not
  set, as in an analyst's shell, those who are readers stay so.
#}
{% macro publication_grants(there) -%}
    {%- set schema = published_relation('data_status').schema -%}
    {%- set known = (there.get(published_relation('data_status') | string, {}).readers or '').split(',') | select | list -%}
    {%- set readers = env_var('WAREHOUSE_READERS', known | join(',')).split(',') | map('trim') | select | list -%}
    {%- set former = known | reject('in', readers) | list -%}
    {%- if former %}
        revoke select on all tables in schema {{ schema }} from {{ former | join(', ') }};
        revoke usage on schema {{ schema }} from {{ former | join(', ') }};
    {%- endif %}
    {%- if readers %}
        grant usage on schema {{ schema }} to {{ readers | join(', ') }};
        grant select on all tables in schema {{ schema }} to {{ readers | join(', ') }};
    {%- endif %}
{%- endmacro %}
