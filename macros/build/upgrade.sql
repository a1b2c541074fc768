{#
  `dbt run-operation upgrade`: gives what an older version of Waterworks made the names that it has now. It may run at any time. Nothing is lost:
    raw_<source>.reads     is renamed to read_log, its outcomes `stopped` and `differs` to `contract_violated` and `mismatch`
    published.data_status  is dropped, as it names the old table (not on PostgreSQL, where a view follows a renaming); the next build creates it
    audited.build          is dropped if it has the columns of an older version; the next build creates it
  The next `dbt build` rebuilds facts and snapshots that have old names from raw.
#}
{% macro upgrade() -%}
    {%- set schemas = list_schemas(target.database).columns[0].values() | select('ge', 'raw_') | select('lt', 'raw`') | sort -%}
    {%- set logs, build = old_read_logs(schemas), old_build_table() -%}
    {%- if logs -%}
        {%- do run_and_commit(recorded_publishing()) -%}
        {%- do run_and_commit(adapter.dispatch('without_old_data_status')()) -%}
    {%- endif -%}
    {%- for old in logs -%}
        {%- do run_and_commit(renamed_read_log(old)) -%}
        {%- do log(old ~ ' is read_log now.', info=true) -%}
    {%- endfor -%}
    {%- if build -%}
        {%- do run_and_commit('drop table ' ~ build) -%}
        {%- do log(build ~ ' is dropped.', info=true) -%}
    {%- endif -%}
    {%- do log('Raw has the names of this version. Next: dbt build' if logs or build else 'Nothing to upgrade.', info=true) -%}
{%- endmacro %}

{# The read logs with the old name in these schemas: a list of relations. A source may have a table `reads` of its own, with other columns. #}
{% macro old_read_logs(schemas) -%}
    {%- set found = [] -%}
    {%- for schema in schemas if 'rows_quarantined' in column_names(target.database, schema, 'reads') -%}
        {%- do found.append(adapter.get_relation(target.database, schema, 'reads')) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# `audited.build` when it has the columns of an older version; else none. #}
{% macro old_build_table() -%}
    {%- set build = audited_relation('build') -%}
    {{ return(build if 'began_at' in column_names(build.database, build.schema, build.identifier) else none) }}
{%- endmacro %}

{#
  Statements that make an old read log the read log. If this version has begun one already, as it finished a load of the older one, the rows go there.
  The update comes first: DuckDB does not update a table that the transaction has altered.

  old: its relation.
#}
{% macro renamed_read_log(old) -%}
    {%- set new = adapter.get_relation(old.database, old.schema, 'read_log') -%}
    update {{ old }} set outcome = case outcome when 'stopped' then 'contract_violated' else 'mismatch' end
    where outcome in ('stopped', 'differs');
    {%- if new %}
        {%- set columns = column_names(old.database, old.schema, old.identifier) | join(', ') %}
        insert into {{ new }} ({{ columns }})
        select {{ columns }} from {{ old }};
        drop table {{ old }};
    {%- else %}
        alter table {{ old }} rename to read_log;
    {%- endif %}
{%- endmacro %}

{# Statements that record what publishing has made, where an older version did not: only `data_status`, which is about to go, names it. #}
{% macro recorded_publishing() -%}
    {%- set there = publication_catalogue([]) -%}
    {%- if audited_relation('publications') | string in there and audited_relation('publication_models') | string not in there -%}
        {{ create_publication_tables({'there': there, 'made': models_made_by_publishing(there), 'models': []}) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__without_old_data_status() -%}
    drop view if exists {{ published_relation('data_status') }}
{%- endmacro %}

{% macro postgres__without_old_data_status() -%}
{%- endmacro %}

{# Runs statements, if there are any, in a transaction of their own where the engine has transactions. #}
{% macro run_and_commit(statements) -%}
    {%- if statements | trim -%}
        {%- call statement('upgrade', auto_begin=true) -%} {{ statements }} {%- endcall -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
{%- endmacro %}
