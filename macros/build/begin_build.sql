{#
  The hook at the start of every run. It refuses a warehouse that an older version made (`refuse_old_names`), and allows one build of the same
  schemas at a time, as a second one would replace the tables that the first one has tested, before that publishes them.
    PostgreSQL  A build records itself in `audited.build`. If another one is recorded there and did not end, this one looks for
                its sessions: dbt has one open nearly all the time. If there is one, this build stops with an error; if not, the
                other one was killed, and this one takes its place. `check_build` makes sure that the replaced one writes no more.
    DuckDB      nothing: one process has the file
    BigQuery    nothing: docs/publishing.md says to run one at a time
#}
{% macro begin_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry', 'test') -%}
        {%- do refuse_old_names() -%}
    {%- endif -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry') -%}
        {{ adapter.dispatch('begin_build')() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__begin_build() -%}
{%- endmacro %}

{% macro postgres__begin_build() -%}
    {%- set build = audited_relation('build') -%}
    {#- Builds that begin at the same time pass the lock one after the other; the commit below releases it. -#}
    {%- do run_query("
        select pg_advisory_xact_lock(hashtext('" ~ build ~ "'));
        create schema if not exists " ~ build.schema ~ ";
        create table if not exists " ~ build ~ " (
            only_one boolean primary key default true check (only_one),
            build_id text not null,
            started_at timestamptz not null,
            ended_at timestamptz
        )
    ") -%}
    {%- for other in run_query("select date_trunc('second', started_at) as started_at from " ~ build ~ " where ended_at is null").rows -%}
        {%- for look in range(20) -%}
            {%- set sessions = run_query("
                select pg_sleep(0.05), pg_stat_clear_snapshot();
                select pid from pg_stat_activity
                where pid <> pg_backend_pid() and datname = current_database() and usename = session_user
                    and coalesce(application_name, current_setting('application_name')) = current_setting('application_name')
            ").rows -%}
            {%- if sessions -%}
                {{ exceptions.raise_compiler_error(
                    'Another dbt build of these schemas, started at ' ~ other['started_at'] ~ ', is still running: session ' ~ sessions[0]['pid']
                    ~ ' of dbt is open. Start again when it has ended: this build would replace the tables that the other one tests.'
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    insert into {{ build }} (build_id, started_at) values ('{{ invocation_id }}', now())
    on conflict (only_one) do update set build_id = excluded.build_id, started_at = excluded.started_at, ended_at = null;
    commit
{%- endmacro %}
