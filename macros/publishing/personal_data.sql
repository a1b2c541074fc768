{#
  Columns tagged `pii` are masked in `published`: text shows ***, everything else null, null stays null. Clear they are only to a role that was granted them
  (`WAREHOUSE_PII_READERS`, docs/publishing.md), whatever the dashboard.

  published_columns: the columns of a model's view, for its select.
  model: of `published_models`.   names: of its columns, in their order.
#}
{% macro published_columns(model, names) -%}
    {%- if not model.personal -%}
        {{ return('*') }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for name in names -%}
        {%- if name in model.personal -%}
            {%- set text = " when " ~ name ~ " is not null then '***'" if model.personal[name] == 'string' else '' -%}
            {%- do columns.append('case when ' ~ may_read_personal_data() ~ ' then ' ~ name ~ text ~ ' end as ' ~ name) -%}
        {%- else -%}
            {%- do columns.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(columns | join(', ')) }}
{%- endmacro %}

{# A condition that is true for whoever may read personal data. #}
{% macro may_read_personal_data() -%}
    {{ return(adapter.dispatch('may_read_personal_data')()) }}
{%- endmacro %}

{# DuckDB has no users. #}
{% macro default__may_read_personal_data() -%}
    {{ return('false') }}
{%- endmacro %}

{# The role that asks, and all that it inherits from. A role that was dropped meanwhile is none. #}
{% macro postgres__may_read_personal_data() -%}
    {{ return("coalesce((select bool_or(pg_has_role(current_user, to_regrole(reader.name)::oid, 'usage')) from "
        ~ audited_relation('personal_data_readers') ~ ' as reader), false)') }}
{%- endmacro %}

{# Users and service accounts by their address, in lower case. Groups are not seen there: docs/publishing.md. #}
{% macro bigquery__may_read_personal_data() -%}
    {{ return('session_user() in (select reader.name from ' ~ audited_relation('personal_data_readers') ~ ' as reader)') }}
{%- endmacro %}

{#
  The names of those who may: of WAREHOUSE_PII_READERS, and where that is not set, as in an analyst's shell, those who may already.

  there: of `publication_catalogue`.
#}
{% macro personal_data_readers(there) -%}
    {%- set readers, known = audited_relation('personal_data_readers'), [] -%}
    {%- if readers | string in there -%}
        {%- do known.extend(run_query('select name from ' ~ readers ~ ' order by name').columns[0].values()) -%}
    {%- endif -%}
    {{ return(env_var('WAREHOUSE_PII_READERS', known | join(',')).split(',') | map('trim') | select | list) }}
{%- endmacro %}

{# Statements that record them. publication: of `publish`. #}
{% macro record_personal_data_readers(publication) -%}
    {%- set readers = audited_relation('personal_data_readers') -%}
    delete from {{ readers }} where true;
    {%- for name in publication.personal_data_readers %}
        insert into {{ readers }} values ({{ text_literal(name) }});
    {%- endfor %}
{%- endmacro %}

{#
  Fails when a column that is not tagged holds e-mail addresses, in the first 10,000 rows: names of columns are not enough to know
  (`personal_columns_are_tagged` of the project's tests goes by them). Nothing is published then.

  publication: of `publish`.
#}
{% macro check_personal_data_is_tagged(publication) -%}
    {%- set queries, found = [], [] -%}
    {%- for model in publication.models if publication.outcome == 'published' and model.texts -%}
        {%- set columns, looks = [], [] -%}
        {%- for name in model.texts -%}
            {%- do looks.append("max(case when " ~ name ~ " like '%_@_%.__%' and " ~ name ~ " not like '% %' then 1 else 0 end) as " ~ name) -%}
            {%- do columns.append("case when " ~ name ~ " = 1 then ' " ~ model.name ~ "." ~ name ~ "' else '' end") -%}
        {%- endfor -%}
        {%- do queries.append(
            'select ' ~ columns | join(' || ') ~ ' as columns from (select ' ~ looks | join(', ')
            ~ ' from (select * from ' ~ model.built ~ ' limit 10000) as sample) as looked_at'
        ) -%}
    {%- endfor -%}
    {%- for row in (run_query(queries | join(' union all ')).rows if queries else []) -%}
        {%- do found.extend(row['columns'].split()) -%}
    {%- endfor -%}
    {%- if found -%}
        {{ exceptions.raise_compiler_error(
            'Not published, readers keep what they have: e-mail addresses in ' ~ found | sort | join(', ')
            ~ '. Tag the column, `config: {tags: [pii]}`; if everybody may read them, `config: {meta: {pii: false}}`. Then build again.'
        ) }}
    {%- endif -%}
{%- endmacro %}
