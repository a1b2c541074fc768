{#
  The statement that makes `published.data_status`: one row per published model, which says how old its data are, and whether
  and why newer ones are not published. It asks the raw tables when it is read, so it tells the truth too when no run came to
  its end since. In the order in which a reason is given:
    1. the latest read of a raw table that the model is made of was not complete
    2. a later run did not pass
    3. a source was not loaded for longer than its freshness allows
    4. raw has rows from loads that are newer than what was published
    5. nothing was published yet

  models: of `published_models`.   there: of `publication_catalogue`.
#}
{% macro data_status_view(models, there) -%}
{%- set sources = upstream_sources(models, there) -%}
{%- set text = dbt.type_string() -%}
create or replace view {{ published_relation('data_status') }} as
with

models as (
    {%- for model in models %}
    select '{{ model.name }}' as model{{ ' union all' if not loop.last }}
    {%- endfor %}
),

upstream as (
    {%- for model in models -%}
        {%- set outer = loop -%}
        {%- for source in sources -%}
            {%- for id in model.upstream if id in graph.sources and graph.sources[id].source_name == source.name and graph.sources[id].name != '_dlt_loads' %}
    select '{{ model.name }}' as model, '{{ source.name }}' as source_name, '{{ graph.sources[id].name }}' as table_name union all
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor %}
    select cast(null as {{ text }}) as model, cast(null as {{ text }}) as source_name, cast(null as {{ text }}) as table_name
),

loads as (
    {%- for source in sources %}
    select
        '{{ source.name }}' as source_name, load_id, inserted_at,
        {#- A refilled interval and a replay say nothing of what is new. #}
        {{ 'load_id in (select _dlt_load_id from ' ~ source.reads ~ ' where not coalesce(is_interval, false))' if source.reads else 'true' }} as is_current
    from {{ source.loads }} where status = 0 union all
    {%- endfor %}
    select
        cast(null as {{ text }}) as source_name, cast(null as {{ text }}) as load_id, cast(null as {{ type_instant() }}) as inserted_at,
        cast(null as boolean) as is_current
),

reads as (
    {%- for source in sources if source.reads %}
    select
        '{{ source.name }}' as source_name, table_name, read_id, read_at, outcome,
        outcome = 'complete' and coalesce(is_interval, false) as is_refill,
        '{{ source.loads.schema }}.' || table_name || ': '
        || coalesce(reason, case when outcome = 'complete' then 'only intervals of it were read' else outcome end) as reason
    from {{ source.reads }}
    where _dlt_load_id = '' or _dlt_load_id in (select load_id from {{ source.loads }} where status = 0)
    union all
    {%- endfor %}
    select
        cast(null as {{ text }}) as source_name, cast(null as {{ text }}) as table_name, cast(null as bigint) as read_id,
        cast(null as {{ type_instant() }}) as read_at, cast(null as {{ text }}) as outcome, cast(null as boolean) as is_refill,
        cast(null as {{ text }}) as reason
),

published as (
    select run_id, finished_at
    from {{ audited_relation('publications') }}
    where outcome = 'published'
    order by finished_at desc
    limit 1
),

included as (
    select source_name, loaded_until
    from {{ audited_relation('publication_sources') }}
    where run_id in (select published.run_id from published)
),

newer as (
    select loads.source_name, loads.load_id, loads.inserted_at
    from loads
    inner join included
        on loads.source_name = included.source_name
    where loads.inserted_at > coalesce(included.loaded_until, {{ beginning_of_time() }})
),

arrived as (
    {%- for source in sources -%}
        {%- for name, table in source.tables.items() %}
    select '{{ source.name }}' as source_name, '{{ name }}' as table_name, '{{ table.schema }}.{{ name }} has newer data, not published yet' as reason, min(inserted_at) as since
    from newer
    where source_name = '{{ source.name }}' and load_id in (select _dlt_load_id from {{ table }})
    union all
        {%- endfor -%}
    {%- endfor %}
    select
        cast(null as {{ text }}) as source_name, cast(null as {{ text }}) as table_name, cast(null as {{ text }}) as reason,
        cast(null as {{ type_instant() }}) as since
),

broken as (
    select
        source_name,
        table_name,
        min(read_at) as since,
        max(case when read_id = latest then reason end) as reason
    from (
        select
            *,
            max(case when outcome = 'complete' and not is_refill then read_id else 0 end) over (partition by source_name, table_name) as complete,
            max(read_id) over (partition by source_name, table_name, is_refill) as latest,
            min(case when is_refill then 1 else 0 end) over (partition by source_name, table_name) as is_only_refilled
        from reads
    ) as numbered
    where read_id > complete and (not is_refill or is_only_refilled = 1)
    group by source_name, table_name
),

later_runs as (
    select
        finished_at,
        reason,
        row_number() over (order by finished_at desc) as recency
    from {{ audited_relation('publications') }}
    where outcome = 'failed' and finished_at > coalesce((select max(published.finished_at) from published), {{ beginning_of_time() }})
),

late as (
    {%- for source in sources if source.late_after_hours %}
    select '{{ source.name }}' as source_name, max(inserted_at) as since
    from loads
    where source_name = '{{ source.name }}' and is_current
    having {{ epoch_microseconds('current_timestamp') }} - {{ epoch_microseconds('max(inserted_at)') }} > {{ (source.late_after_hours * 3600000000) | int }}
    union all
    {%- endfor %}
    select cast(null as {{ text }}) as source_name, cast(null as {{ type_instant() }}) as since
),

problems as (
    select upstream.model, 1 as weight, broken.since, broken.reason
    from upstream
    inner join broken
        on upstream.source_name = broken.source_name and upstream.table_name = broken.table_name
    union all
    select
        models.model, 2 as weight, min(later_runs.finished_at) as since,
        'the last build did not pass: ' || max(case when later_runs.recency = 1 then later_runs.reason end) as reason
    from models
    cross join later_runs
    group by models.model
    union all
    select distinct
        upstream.model, 3 as weight, late.since,
        late.source_name || ' was not loaded for longer than its freshness allows' as reason
    from upstream
    inner join late
        on upstream.source_name = late.source_name
    union all
    select upstream.model, 4 as weight, arrived.since, arrived.reason
    from upstream
    inner join arrived
        on upstream.source_name = arrived.source_name and upstream.table_name = arrived.table_name
    where arrived.since is not null
    union all
    select models.model, 5 as weight, cast(null as {{ type_instant() }}) as since, 'nothing was published yet' as reason
    from models
    where not exists (select 1 from published)
),

ranked as (
    select
        model,
        reason,
        min(since) over (partition by model) as stale_since,
        row_number() over (partition by model order by weight, since, reason) as place
    from problems
),

ages as (
    select upstream.model, min(read.data_as_of) as data_as_of
    from upstream
    inner join (
        select loads.source_name, max(loads.inserted_at) as data_as_of
        from loads
        inner join included
            on loads.source_name = included.source_name and loads.inserted_at <= included.loaded_until
        where loads.is_current
        group by loads.source_name
    ) as read
        on upstream.source_name = read.source_name
    group by upstream.model
)

select
    models.model,
    (select max(published.finished_at) from published) as published_at,
    ages.data_as_of,
    ranked.model is not null as is_stale,
    ranked.stale_since,
    ranked.reason
from models
left join ages
    on models.model = ages.model
left join ranked
    on models.model = ranked.model and ranked.place = 1
{%- endmacro %}
