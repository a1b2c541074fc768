{#
  DuckDB: statements that write published.duckdb beside the warehouse, for dashboards: only one program at a time can open the warehouse. It has a table for each
  view of `published`, masked as these are, and takes the place of the last one by one renaming. Nothing there can look at raw, so
  `data_status` is that of the publication, or of the build that failed, and becomes stale by itself when no newer file comes in time.

  The file's name is that of the schema `published`, with the warehouse's before it unless that is called `warehouse`. Its plugin for dbt, which
  profiles.yml names, puts it in its place (ingestion/warehouses/duckdb/dbt_plugin.py).

  A hook after `publish`, of which it takes the outcome.
#}
{% macro write_published_file() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry') -%}
        {%- do adapter.dispatch('write_published_file')() -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__write_published_file() -%}
{%- endmacro %}

{% macro duckdb__write_published_file() -%}
    {%- set publications = audited_relation('publications') -%}
    {%- set warehouse = run_query('select path from duckdb_databases() where database_name = current_database()').rows[0]['path'] -%}
    {#- Not load_relation: the first build of a warehouse makes this table after dbt has filled its cache. -#}
    {%- set is_there = run_query(
        "select 1 from duckdb_tables() where database_name = current_database() and schema_name = '" ~ publications.schema ~ "' and table_name = '"
        ~ publications.identifier ~ "'"
    ).rows -%}
    {%- set recorded = is_there and run_query('select outcome from ' ~ publications ~ " where run_id = '" ~ invocation_id ~ "'").rows -%}
    {%- if not warehouse or not recorded or recorded[0]['outcome'] == 'partial' -%}
        {{ return(none) }}
    {%- elif 'dbt_plugin' not in target.plugins | string -%}
        {%- do exceptions.warn('published.duckdb is not written: the target in profiles.yml lacks the plugin that profiles.yml.example has.') -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set folder, slash, file = warehouse.rpartition('/') -%}
    {%- set stem, schema = file.removesuffix('.duckdb'), published_relation('data_status').schema -%}
    {%- set published = folder ~ slash ~ (schema if stem == 'warehouse' else stem ~ '_' ~ schema) ~ '.duckdb' -%}
    {%- set new = published.removesuffix('.duckdb') ~ '.' ~ invocation_id ~ '.duckdb' -%}
    {%- set models, made = published_models(), run_query('select model from ' ~ audited_relation('publication_models')).columns[0].values() -%}
    {%- do run_query('attach ' ~ text_literal(new) ~ ' as published_file') -%}
    {%- set statements -%}
        {%- for model in models if model.name in made %}
            create table published_file.{{ model.name }} as select * from {{ model.published }};
        {%- endfor %}
        create table published_file.data_status_when_written as
        select
            status.*,
            late.late_at
        from {{ published_relation('data_status') }} as status
        left join (
            select
                model,
                min(late_at) as late_at
            from ({{ late_times(upstream_sources(models, publication_catalogue(models))) }}) as times
            group by model
        ) as late
            on status.model = late.model;
        create view published_file.data_status as
        select
            * exclude (late_at) replace (
                is_stale or coalesce(current_timestamp > late_at, false) as is_stale,
                coalesce(stale_since, case when current_timestamp > late_at then late_at end) as stale_since,
                coalesce(
                    reason,
                    case when current_timestamp > late_at then 'nothing newer was published for longer than the freshness of its sources allows' end
                ) as reason
            )
        from data_status_when_written
    {%- endset -%}
    {%- do run_query(statements) -%}
    {%- do run_query('detach published_file') -%}
    {%- do adapter.store_relation('dbt_plugin', published_relation('data_status'), [], new, 'duckdb', {'replaces': published}) -%}
{%- endmacro %}

{# A query for the times from which a model is late if nothing is loaded until then, by the freshness of each source. sources: of `upstream_sources`. #}
{% macro late_times(sources) -%}
    {%- for source in sources if source.late_after_hours %}
        {%- for model in source.tables_of %}
            select
                '{{ model }}' as model,
                max(inserted_at) + interval '{{ (source.late_after_hours * 3600) | int }} seconds' as late_at
            from {{ source.loads }}
            where status = 0
            union all
        {%- endfor %}
    {%- endfor %}
    select
        null as model,
        null as late_at
{%- endmacro %}
