{#
  The versions of a dimension's members, from its snapshot: every column of the snapshot, plus
    version_key   surrogate_key of the id and valid_from
    valid_from    when this version began; the first one reaches back to the beginning of time, so that
                  facts older than our first look at the source find it
    valid_to      when the next one began; the end of time for the last one
    is_current    true for the last version of each member

  A source can take back what it said: a file is mended and sent again, and a change that we built on
  never was. The snapshot then closes that version no later than it began; it is left out here, and the
  ends are the beginnings of the versions that remain, so the line has neither gap nor overlap.

  snapshot: a CTE that selects from the snapshot.   id: the natural key's column.
#}
{% macro history(snapshot, id) -%}
    select
        *,
        {{ surrogate_key(id, 'valid_from') }} as version_key
    from (
        select
            *,
            case
                when row_number() over (partition by {{ id }} order by dbt_valid_from) = 1
                    then {{ beginning_of_time() }}
                else dbt_valid_from
            end as valid_from,
            coalesce(lead(dbt_valid_from) over (partition by {{ id }} order by dbt_valid_from), {{ end_of_time() }}) as valid_to,
            lead(dbt_valid_from) over (partition by {{ id }} order by dbt_valid_from) is null as is_current
        from (
            select
                *,
                row_number() over (partition by {{ id }}, dbt_valid_from order by dbt_valid_to desc) as replacement_rank
            from {{ snapshot }}
            where dbt_valid_from < dbt_valid_to
        ) as standing
        where replacement_rank = 1
    ) as versions
{%- endmacro %}
