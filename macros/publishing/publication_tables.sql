{#
  The tables in which publishing keeps its own records, in `audited`:
    publications         one row per run that built a published model: what came of it, and why
    publication_sources  one row per publication and source: until when what was loaded is in it
    publication_models   one row per model whose table in `audited` and whose view in `published` publishing has made
    publication_warnings  one row per publication, model and test of severity `warn` that failed
    personal_data_readers  PostgreSQL, BigQuery: one row per role or user who may read columns tagged `pii` in clear

  create_publication_tables: statements that make those that are not there, and name the models that are about to get their tables.
  That comes first, so that what a run that was killed has left behind is known to be ours.

  publication: of `publish`.
#}
{% macro create_publication_tables(publication) -%}
    {%- set publications, sources, models = audited_relation('publications'), audited_relation('publication_sources'), audited_relation('publication_models') -%}
    {%- set missing = [] -%}
    {%- if publications | string not in publication.there %}
        create schema if not exists {{ publications.schema }};
        create schema if not exists {{ published_relation('data_status').schema }};
        create table {{ publications }} (
            run_id {{ dbt.type_string() }} not null,
            finished_at {{ type_timestamptz() }} not null,
            outcome {{ dbt.type_string() }} not null,
            reason {{ dbt.type_string() }}
        );
        create table {{ sources }} (
            run_id {{ dbt.type_string() }} not null,
            source_name {{ dbt.type_string() }} not null,
            loaded_until {{ type_timestamptz() }}
        );
    {%- endif -%}
    {%- if models | string not in publication.there %}
        create table {{ models }} (model {{ dbt.type_string() }} not null);
        {%- do missing.extend(publication.made) -%}
    {%- endif -%}
    {%- set readers, warnings = audited_relation('personal_data_readers'), audited_relation('publication_warnings') -%}
    {%- if warnings | string not in publication.there %}
        create table {{ warnings }} (
            run_id {{ dbt.type_string() }} not null,
            model {{ dbt.type_string() }} not null,
            warning {{ dbt.type_string() }} not null
        );
    {%- endif -%}
    {%- if readers | string not in publication.there %}
        create table {{ readers }} (name {{ dbt.type_string() }} not null);
    {%- endif -%}
    {%- if publication.outcome == 'published' -%}
        {%- do missing.extend(publication.models | map(attribute='name') | reject('in', publication.made) | list) -%}
    {%- endif -%}
    {%- for name in missing %}
        insert into {{ models }} values ('{{ name }}');
    {%- endfor %}
{%- endmacro %}

{#
  The names of the models whose table in `audited` and whose view in `published` publishing has made: a list. Nothing else in these schemas is
  ever replaced or dropped. In a warehouse that was last published before this was recorded, they are the models that `data_status`
  names, as it was made together with their views.

  there: of `publication_catalogue`.
#}
{% macro models_made_by_publishing(there) -%}
    {%- set recorded, publications = audited_relation('publication_models'), audited_relation('publications') -%}
    {%- if recorded | string in there -%}
        {{ return(run_query('select model from ' ~ recorded).columns[0].values() | list) }}
    {%- elif publications | string in there and published_relation('data_status') | string in there -%}
        {{ return(run_query(
            'select model from ' ~ published_relation('data_status')
            ~ ' where exists (select 1 from ' ~ publications ~ " where outcome = 'published')"
        ).columns[0].values() | list) }}
    {%- endif -%}
    {{ return([]) }}
{%- endmacro %}

{# Fails when something that publishing did not make has the name of what it is about to make: it is not ours to replace. #}
{% macro check_names_are_free(publication) -%}
    {%- set wanted = [] -%}
    {%- if audited_relation('publications') | string not in publication.there -%}
        {%- do wanted.append(published_relation('data_status')) -%}
    {%- endif -%}
    {%- if publication.outcome == 'published' -%}
        {%- for model in publication.models if model.name not in publication.made -%}
            {%- do wanted.extend([model.audited, model.published]) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set foreign = wanted | map('string') | select('in', publication.there) | list -%}
    {%- if foreign -%}
        {{ exceptions.raise_compiler_error(
            'Not published, readers keep what they have: publishing did not make ' ~ foreign | join(', ')
            ~ ' and does not replace what it did not make. Rename or drop it, then build again.'
        ) }}
    {%- endif -%}
{%- endmacro %}

{# Statements that record what came of the run. What was loaded when it began is in all that it built, and nothing else is: `in_complete_load`. #}
{% macro record_publication(publication) -%}
    {%- if publication.outcome == 'published' -%}
        {%- for source in publication.sources %}
            insert into {{ audited_relation('publication_sources') }}
            select '{{ invocation_id }}', '{{ source.name }}', max(inserted_at)
            from {{ source.loads }}
            where status = 0 and inserted_at <= {{ run_start() }};
        {%- endfor -%}
        {%- for warning in publication.warnings %}
            insert into {{ audited_relation('publication_warnings') }}
            values ('{{ invocation_id }}', '{{ warning.model }}', {{ text_literal(warning.warning) }});
        {%- endfor -%}
    {%- endif %}
    insert into {{ audited_relation('publications') }}
    values ('{{ invocation_id }}', current_timestamp, '{{ publication.outcome }}', {{ text_literal(publication.reason) if publication.reason else 'null' }});
{%- endmacro %}
