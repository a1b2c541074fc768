{#
  The hook at the start of every run that builds: one build of the same schemas at a time, as a second one would replace the
  tables that the first one has tested, before that publishes them.
    PostgreSQL  Who begins writes its name into `audited.build`. A build that finds another there which did not end looks for
                its sessions: dbt has one open nearly all the time. Seeing one it leaves, with an error; else that build was
                killed, and this one takes its place. `check_build` makes sure that whoever lost its place writes no more.
    DuckDB      nothing: one process has the file
    BigQuery    nothing: docs/publishing.md says to run one at a time
#}
{% macro begin_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry') -%}
        {{ adapter.dispatch('begin_build')() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__begin_build() -%}
{%- endmacro %}

{% macro postgres__begin_build() -%}
    {%- set build = audited_relation('build') -%}
    {#- Those who begin in the same instant come past the lock one after the other; the commit below lets go of it. -#}
    {%- do run_query("
        select pg_advisory_xact_lock(hashtext('" ~ build ~ "'));
        create schema if not exists " ~ build.schema ~ ";
        create table if not exists " ~ build ~ " (
            only_one boolean primary key default true check (only_one),
            build_id text not null,
            began_at timestamptz not null,
            ended_at timestamptz
        )
    ") -%}
    {%- for other in run_query("select date_trunc('second', began_at) as began_at from " ~ build ~ " where ended_at is null").rows -%}
        {%- for look in range(20) -%}
            {%- set sessions = run_query("
                select pg_sleep(0.05), pg_stat_clear_snapshot();
                select pid from pg_stat_activity
                where pid <> pg_backend_pid() and datname = current_database() and usename = session_user
                    and coalesce(application_name, current_setting('application_name')) = current_setting('application_name')
            ").rows -%}
            {%- if sessions -%}
                {{ exceptions.raise_compiler_error(
                    'Another dbt build of these schemas, begun at ' ~ other['began_at'] ~ ', is still running: session ' ~ sessions[0]['pid']
                    ~ ' of dbt is open. Start again when it has ended: two at once would replace the tables that the other one tests.'
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    insert into {{ build }} (build_id, began_at) values ('{{ invocation_id }}', now())
    on conflict (only_one) do update set build_id = excluded.build_id, began_at = excluded.began_at, ended_at = null;
    commit
{%- endmacro %}
