{#
  Statements that create empty tables in `audited` for models that have none yet, or whose columns changed.
    PostgreSQL  with the model's indexes: it is the copy that dashboards read
    BigQuery    with the model's partitions and clusters

  publication: of `publish`.
#}
{% macro create_audited_tables(publication) -%}
    {%- for model in publication.models if publication.outcome == 'published' -%}
        {%- set known = publication.there.get(model.audited | string) -%}
        {%- set columns = publication.there[model.built | string].columns -%}
        {%- if not known or known.columns != columns -%}
            {%- if known %}
                drop view if exists {{ model.published }};
                drop table {{ model.audited }};
            {%- endif %}
            {{ adapter.dispatch('create_audited_table')(model, columns) }};
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro default__create_audited_table(model, columns) -%}
    create table {{ model.audited }} as select * from {{ model.built }} limit 0
{%- endmacro %}

{% macro postgres__create_audited_table(model, columns) -%}
    create table {{ model.audited }} (like {{ model.built }} including all)
{%- endmacro %}

{% macro bigquery__create_audited_table(model, columns) -%}
    create table {{ model.audited }} ({{ columns }})
    {%- if model.day %} partition by {{ model.day }}{% endif %}
    {%- if model.cluster_by %} cluster by {{ model.cluster_by | join(', ') }}{% endif %}
{%- endmacro %}

{#
  Statements that make the tables in `audited` equal to what was built, and change only what differs: of a large fact the days, any other table
  as a whole. By `delete` and `insert`, because on PostgreSQL `truncate`, `drop` and renaming block readers.
#}
{% macro copy_to_audited_tables(publication) -%}
    {%- for model in publication.models if publication.outcome == 'published' -%}
        {%- set part = model.day or '1' %}
        create temporary table parts_that_differ as
        {{ parts_that_differ(model, part) }};
        delete from {{ model.audited }}
        where {{ part }} in (select parts_that_differ.part from parts_that_differ);
        insert into {{ model.audited }}
        select * from {{ model.built }}
        where {{ part }} in (select parts_that_differ.part from parts_that_differ);
        drop table parts_that_differ;
    {%- endfor %}
{%- endmacro %}

{# A query for the parts of a model's table that differ from its copy: by the number of rows, or by the sum of their hashes. #}
{% macro parts_that_differ(model, part) -%}
    select coalesce(built.part, audited.part) as part
    from ({{ sums_by_part(model.built, part) }}) as built
    full outer join ({{ sums_by_part(model.audited, part) }}) as audited
        on built.part = audited.part
    where
        built.number_of_rows is distinct from audited.number_of_rows
        or built.hashes is distinct from audited.hashes
{%- endmacro %}

{% macro sums_by_part(relation, part) -%}
    select {{ part }} as part, count(*) as number_of_rows, sum({{ row_hash('entry') }}) as hashes
    from {{ relation }} as entry
    group by 1
{%- endmacro %}
