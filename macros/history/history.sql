{#
  The history of an entity's members, SCD Type 2, from all versions of their rows that raw holds: a query whose rows are
    <entity>_key   surrogate_key of the id and `effective_at`: an earlier version that arrives late does not give the later ones new keys
    <entity>_id    the natural key
    …              the columns `tracked` and `overwritten`
    is_current     true for the last version of each member
    valid_from     when the version began; the first one reaches back to the beginning of time, so that facts older than our
                   first load find it
    valid_to       when the next one began; the end of time for the last one
    effective_at       when the version really began
    history_fingerprint   a hash over all row versions of the member, by which `changed_members` finds members that changed
    <loads>        the last loads that brought one

  It depends on `row_versions` only, not on the order in which they arrived, so a rebuild gives the same rows.
  docs/history.md has an example.

  A view that is one call of this macro is the relation of a snapshot with `strategy: history`, which finds the arguments in the view's
  configuration and runs the same query for the members that changed.

  row_versions: a relation or CTE with a row for each version of a member's row and load that brought it: `<entity>_id`, `changed_at`,
    the columns, the loads.
  tracked: the columns whose change makes a version.
  overwritten: columns whose change makes no version; every version shows their latest value.
  tracked_since: {column: timestamp as text} for a tracked column that is new in the source, or that we track only from that time on.
    Older row versions are compared without it, so its first value makes no versions.
  loads: the columns with the load that brought it.
#}
{% macro history(row_versions, entity, tracked, overwritten=[], tracked_since={}, loads=['_dlt_load_id']) -%}
    {%- set arguments = {
        'entity': entity, 'tracked': tracked, 'overwritten': overwritten, 'tracked_since': tracked_since, 'loads': loads,
    } -%}
    {%- set rules = history_rules(**arguments) -%}
    {{- config(meta={'history': {'arguments': arguments, 'rules': rules}}) -}}
    {{ history_query(row_versions, rules=rules, **arguments) }}
{%- endmacro %}

{# The query of `history`. rules: of `history_rules`. #}
{% macro history_query(row_versions, entity, tracked, overwritten, tracked_since, loads, rules) -%}
    {%- set id = entity ~ '_id' -%}
    {%- set latest_first -%}
        changed_at desc{% for load in loads %}, {{ text_order(load) }} desc{% endfor %}
    {%- endset -%}
    with

    -- Of two row versions of one point in time the one of the later load counts.
    ranked as (

        select
            row_version.{{ id }},
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
            {{ history_fingerprint('row_version', rules, 'over (partition by ' ~ id ~ ')') }} as history_fingerprint,
            row_number() over (partition by {{ id }}, changed_at order by {{ latest_first }}) as load_rank
        from {{ row_versions }} as row_version

    ),

    compared as (

        select
            *,
            case
                {%- for column in tracked %}
                when
                    ({{ column }} is distinct from lag({{ column }}) over (partition by {{ id }} order by changed_at))
                    {%- if column in tracked_since %}
                    and lag(changed_at) over (partition by {{ id }} order by changed_at) >= {{ as_timestamp("'" ~ tracked_since[column] ~ "'") }}
                    {%- endif %}
                    then 1
                {%- endfor %}
                else 0
            end as is_change
        from ranked
        where load_rank = 1

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
            min(changed_at) over (partition by {{ id }}, version_number) as effective_at,
            row_number() over (partition by {{ id }}, version_number order by changed_at desc) as recency
        from numbered

    )

    select
        {{ surrogate_key(id, 'effective_at') }} as {{ entity }}_key,
        {{ id }},
        {%- for column in tracked + overwritten %}
        {{ column }},
        {%- endfor %}
        lead(effective_at) over (partition by {{ id }} order by effective_at) is null as is_current,
        case
            when lag(effective_at) over (partition by {{ id }} order by effective_at) is null then {{ beginning_of_time() }}
            else effective_at
        end as valid_from,
        coalesce(lead(effective_at) over (partition by {{ id }} order by effective_at), {{ end_of_time() }}) as valid_to,
        effective_at,
        history_fingerprint,
        {{ loads | join(',\n        ') }}
    from begun
    where recency = 1
{%- endmacro %}
