{#
  The versions of a dimension's members, from its snapshot: every column of the snapshot, plus
    version_key   surrogate_key of the id and valid_from
    valid_from    when this version began; the first one reaches back to the beginning of time, so that
                  facts older than our first look at the source find it
    valid_to      when the next one began; the end of time for the current one
    is_current    true for the last version of each member

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
            dbt_valid_to as valid_to,
            dbt_valid_to = {{ end_of_time() }} as is_current
        from {{ snapshot }}
        -- A change that the source dates no later than the version before it replaces that version.
        where dbt_valid_from < dbt_valid_to
    ) as versions
{%- endmacro %}
