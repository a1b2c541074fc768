{#
  The history of an entity's members, SCD Type 2, from all that was ever told of them: a query whose rows are
    <entity>_key   surrogate_key of the id and `began_at`: an earlier version that arrives late does not give the later ones new keys
    <entity>_id    the natural key
    …              the columns `tracked` and `overwritten`
    is_current     true for the last version of each member
    valid_from     when the version began; the first one reaches back to the beginning of time, so that facts older than our
                   first look at the source find it
    valid_to       when the next one began; the end of time for the last one
    began_at       when the version really began
    told_hash      of all that was told of the member: by it `changed_members` sees that there is more
    <loads>        the last loads that told of it

  Nothing but the rows of `told` goes in, so the order in which they arrived is of no matter, and a rebuild gives the same.
  docs/history.md explains it by an example.

  As the whole of a view it is what a snapshot of `strategy: history` keeps; that finds the rules in the view's configuration.

  told: a relation or CTE with a row for each time that something was told of a member: `<entity>_id`, `changed_at`, the columns, the loads.
  tracked: the columns whose change makes a version.
  overwritten: columns that make none; every version shows their latest value.
  tracked_since: {column: instant as text} for a tracked column that the source has, or that we want to follow, from then on only.
    What was told before that instant is compared without it: so its first value makes no versions.
  loads: the columns that say which load told it.
#}
{% macro history(told, entity, tracked, overwritten=[], tracked_since={}, loads=['_dlt_load_id']) -%}
    {%- set id = entity ~ '_id' -%}
    {%- set rules = history_rules(tracked, overwritten, tracked_since) -%}
    {{- config(meta={'history_rules': rules}) -}}
    {%- set latest_first -%}
        changed_at desc{% for load in loads %}, {{ text_order(load) }} desc{% endfor %}
    {%- endset -%}
    with

    -- What a later load tells of the same instant replaces what an earlier one told.
    ranked as (

        select
            telling.{{ id }},
            changed_at,
            {%- for column in tracked %}
            {{ column }},
            {%- endfor %}
            {%- for column in overwritten %}
            first_value({{ column }}) over (partition by {{ id }} order by {{ latest_first }}) as {{ column }},
            {%- endfor %}
            {%- for load in loads %}
            max({{ text_order(load) }}) over (partition by {{ id }}) as {{ load }},
            {%- endfor %}
            {{ told_hash('telling', rules, 'over (partition by ' ~ id ~ ')') }} as told_hash,
            row_number() over (partition by {{ id }}, changed_at order by {{ latest_first }}) as telling_rank
        from {{ told }} as telling

    ),

    compared as (

        select
            *,
            case
                {%- for column in tracked %}
                when
                    ({{ column }} is distinct from lag({{ column }}) over (partition by {{ id }} order by changed_at))
                    {%- if column in tracked_since %}
                    and lag(changed_at) over (partition by {{ id }} order by changed_at) >= {{ as_instant("'" ~ tracked_since[column] ~ "'") }}
                    {%- endif %}
                    then 1
                {%- endfor %}
                else 0
            end as is_change
        from ranked
        where telling_rank = 1

    ),

    numbered as (

        select
            *,
            sum(is_change) over (
                partition by {{ id }} order by changed_at rows between unbounded preceding and current row
            ) as version_number
        from compared

    ),

    -- A version's rows are equal but for columns that were not tracked yet, so the last one knows most.
    begun as (

        select
            *,
            min(changed_at) over (partition by {{ id }}, version_number) as began_at,
            row_number() over (partition by {{ id }}, version_number order by changed_at desc) as recency
        from numbered

    )

    select
        {{ surrogate_key(id, 'began_at') }} as {{ entity }}_key,
        {{ id }},
        {%- for column in tracked + overwritten %}
        {{ column }},
        {%- endfor %}
        lead(began_at) over (partition by {{ id }} order by began_at) is null as is_current,
        case
            when lag(began_at) over (partition by {{ id }} order by began_at) is null then {{ beginning_of_time() }}
            else began_at
        end as valid_from,
        coalesce(lead(began_at) over (partition by {{ id }} order by began_at), {{ end_of_time() }}) as valid_to,
        began_at,
        told_hash,
        {{ loads | join(',\n        ') }}
    from begun
    where recency = 1
{%- endmacro %}
