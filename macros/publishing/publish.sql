{#
  The hook at the end of every run. When all of it passed its tests, `published` moves to what was built, all at once; otherwise readers keep what
  they have, and `published.data_status` shows why. docs/publishing.md has the reader's side, decision 6 the reasons.

  A model of access `public` is built in the schema of its layer, copied to a table in `audited`, and read through a view in `published`.

      published_models           which models these are, and all that is upstream of them
      publication_outcome        what the run means for them: published, failed, partial, or nothing
      publication_catalogue      what is in the schemas already
      check_names_are_free       an error when something that publishing did not make has a name that it needs
      check_personal_data_is_tagged  an error when a column that is not tagged `pii` holds e-mail addresses

      create_publication_tables  `audited.publications` and its like: what was published when, and what publishing made
      create_audited_tables      for models that are new or have other columns
      copy_to_audited_tables     the rows that differ
      record_publication         the outcome of the run, and how new the data are
      create_published_views     and `data_status`; drops those of models that are no longer published
      grant_to_readers           PostgreSQL

  The last six are statements of one transaction (on BigQuery: see below). After a run that did not pass only the outcome is recorded.
  All take one dictionary, the publication:
    models             of `published_models`
    sources            of `upstream_sources`
    outcome, reason, data_status, warnings   of `publication_outcome`
    there              of `publication_catalogue`
    made               of `models_made_by_publishing`
    personal_data_readers

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
            {%- set publication = dict(
                run, models=models, sources=upstream_sources(models, there), there=there, made=models_made_by_publishing(there),
                personal_data_readers=personal_data_readers(there)
            ) -%}
            {%- do check_names_are_free(publication) -%}
            {%- do check_personal_data_is_tagged(publication) -%}
            {{ adapter.dispatch('publish')(publication) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__publish(publication) -%}
    begin;
    {{ create_publication_tables(publication) }}
    {{ create_audited_tables(publication) }}
    {{ copy_to_audited_tables(publication) }}
    {{ record_publication(publication) }}
    {{ create_published_views(publication) }}
    commit
{%- endmacro %}

{#
  All tables are copied from one snapshot of the database, whatever else writes meanwhile. The first commit ends the transaction
  that psycopg2 began by itself. A reader whose transaction stays open holds up a change of the views, which is why they are
  replaced only when they changed; after ten seconds we give up rather than hold up the readers who come after.
#}
{% macro postgres__publish(publication) -%}
    commit;
    begin isolation level repeatable read;
    set local lock_timeout = '10s';
    {{ check_build() }}
    {{ create_publication_tables(publication) }}
    {{ create_audited_tables(publication) }}
    {{ copy_to_audited_tables(publication) }}
    {{ record_publication(publication) }}
    {{ record_personal_data_readers(publication) }}
    {{ create_published_views(publication) }}
    {{ grant_to_readers(publication) }}
    {%- if publication.outcome == 'published' -%}
        {%- set written = publication.models | map(attribute='audited') | list -%}
        {%- for name in ['publications', 'publication_sources', 'publication_models', 'publication_warnings', 'personal_data_readers'] -%}
            {%- do written.append(audited_relation(name)) -%}
        {%- endfor -%}
        {%- for table in written %}
            analyze {{ table }};
        {%- endfor %}
    {%- endif %}
    commit
{%- endmacro %}

{#
  Tables can't be made in a transaction there: they are made before it, and the views after it. A table whose columns changed
  is therefore empty from then until the transaction ends.
#}
{% macro bigquery__publish(publication) -%}
    {{ create_publication_tables(publication) }}
    {{ create_audited_tables(publication) }}
    begin transaction;
    {{ copy_to_audited_tables(publication) }}
    {{ record_publication(publication) }}
    {{ record_personal_data_readers(publication) }}
    commit transaction;
    {{ create_published_views(publication) }}
{%- endmacro %}
