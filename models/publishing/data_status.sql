-- It asks the raw tables when it is read, so it is right even when no run came to its end since. A model that is stale for several
-- reasons shows the one of the smallest `weight`.
{%- set text = dbt.type_string() -%}
{%- set models = published_models() if execute else [] -%}
{%- set sources = upstream_sources(models, publication_catalogue(models)) if execute else [] %}

with

models as (

    {%- for model in models %}
        select '{{ model.name }}' as model
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

-- The raw tables that a model is made of.
upstream as (

    select
        cast(null as {{ text }}) as model,
        cast(null as {{ text }}) as source_name,
        cast(null as {{ text }}) as table_name
    {%- for model in models %}
        {%- for source in sources %}
            {%- for table in source.tables_of.get(model.name, []) %}
                union all
                select
                    '{{ model.name }}' as model,
                    '{{ source.name }}' as source_name,
                    '{{ table }}' as table_name
            {%- endfor %}
        {%- endfor %}
    {%- endfor %}

),

-- Complete loads.
loads as (

    {{ loads_of_sources(sources) }}

),

reads as (

    {{ reads_of_sources(sources) }}

),

-- The last publication, and until when what was loaded of each source is in it.
published as (

    select
        run_id,
        finished_at
    from {{ audited_relation('publications') }}
    where outcome = 'published'
    order by finished_at desc
    limit 1

),

included as (

    select
        source_name,
        loaded_until
    from {{ audited_relation('publication_sources') }}
    where run_id in (select published.run_id from published)

),

-- Loads that came later.
newer as (

    select
        loads.source_name,
        loads.load_id,
        loads.inserted_at
    from loads
    inner join included
        on loads.source_name = included.source_name
    where loads.inserted_at > coalesce(included.loaded_until, {{ beginning_of_time() }})

),

-- Raw tables with rows of such loads.
arrived as (

    {{ newer_rows(sources, newer='newer') }}

),

-- Raw tables whose latest read was not complete.
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

-- Rows that did not fit, by raw table.
quarantined as (

    {{ quarantined(sources) }}

),

quarantined_by_model as (

    select
        upstream.model,
        sum(quarantined.rows_in_quarantine) as rows_in_quarantine,
        sum(quarantined.amount_in_quarantine) as amount_in_quarantine
    from upstream
    inner join quarantined
        on upstream.source_name = quarantined.source_name and upstream.table_name = quarantined.table_name
    group by upstream.model

),

-- Tests of severity `warn` that failed in the last publication.
warned as (

    select
        model,
        {{ dbt.listagg('warning', "', '", 'order by ' ~ text_order('warning')) }} as warnings
    from {{ audited_relation('publication_warnings') }}
    where run_id in (select published.run_id from published)
    group by model

),

-- Runs after the last publication that did not pass.
later_runs as (

    select
        finished_at,
        reason,
        row_number() over (order by finished_at desc) as recency
    from {{ audited_relation('publications') }}
    where outcome = 'failed' and finished_at > coalesce((select max(published.finished_at) from published), {{ beginning_of_time() }})

),

-- Sources that were not loaded for longer than their freshness allows.
late as (

    {{ late_sources(sources, loads='loads') }}

),

problems as (

    select
        upstream.model,
        1 as weight,
        broken.since,
        broken.reason
    from upstream
    inner join broken
        on upstream.source_name = broken.source_name and upstream.table_name = broken.table_name
    union all
    select
        models.model,
        2 as weight,
        min(later_runs.finished_at) as since,
        'the last build did not pass: ' || max(case when later_runs.recency = 1 then later_runs.reason end) as reason
    from models
    cross join later_runs
    group by models.model
    union all
    select distinct
        upstream.model,
        3 as weight,
        late.since,
        late.source_name || ' was not loaded for longer than its freshness allows' as reason
    from upstream
    inner join late
        on upstream.source_name = late.source_name
    union all
    select
        upstream.model,
        4 as weight,
        quarantined.since,
        quarantined.reason
    from upstream
    inner join quarantined
        on upstream.source_name = quarantined.source_name and upstream.table_name = quarantined.table_name
    where quarantined.reason is not null
    union all
    select
        upstream.model,
        5 as weight,
        arrived.since,
        arrived.reason
    from upstream
    inner join arrived
        on upstream.source_name = arrived.source_name and upstream.table_name = arrived.table_name
    where arrived.since is not null
    union all
    select
        models.model,
        6 as weight,
        cast(null as {{ type_timestamptz() }}) as since,
        'nothing was published yet' as reason
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

-- The end of the last load of each source that the last publication holds.
held as (

    select
        loads.source_name,
        max(loads.inserted_at) as data_as_of
    from loads
    inner join included
        on loads.source_name = included.source_name
        and loads.inserted_at <= included.loaded_until
    where loads.is_current
    group by loads.source_name

),

ages as (

    select
        upstream.model,
        min(held.data_as_of) as data_as_of
    from upstream
    inner join held
        on upstream.source_name = held.source_name
    group by upstream.model

),

stated as (

    select
        models.model,
        (select max(published.finished_at) from published) as published_at,
        ages.data_as_of,
        ranked.model is not null as is_stale,
        ranked.stale_since,
        ranked.reason,
        cast(coalesce(quarantined_by_model.rows_in_quarantine, 0) as bigint) as rows_in_quarantine,
        {{ as_decimal('quarantined_by_model.amount_in_quarantine') }} as amount_in_quarantine,
        warned.warnings
    from models
    left join ages
        on models.model = ages.model
    left join ranked
        on models.model = ranked.model and ranked.place = 1
    left join quarantined_by_model
        on models.model = quarantined_by_model.model
    left join warned
        on models.model = warned.model

)

select * from stated
