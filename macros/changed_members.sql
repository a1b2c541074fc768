{#
  In an incremental run of a table of history: the ids of the members of which the sources told something that the table has not seen.
  A member is compared by how often it was told of and by the last load that did, so a row that makes no version counts too; and
  not with the newest load in the table, which is wrong in silence when a load completes after a younger one.

  told: the relation that `history` reads.   entity: as in `history_config`.   loads: as in `history`.
#}
{% macro changed_members(told, entity, loads=['_dlt_load_id']) -%}
    {%- set id = entity ~ '_id' -%}
    select told_of.{{ id }}
    from (
        select
            {{ id }},
            {%- for load in loads %}
            max({{ text_order(load) }}) as {{ load }},
            {%- endfor %}
            count(*) as times_told
        from {{ told }}
        group by {{ id }}
    ) as told_of
    left join (
        select * from {{ this }}
        where is_current
    ) as known
        on told_of.{{ id }} = known.{{ id }}
    where
        known.times_told is distinct from told_of.times_told
        {%- for load in loads %}
        or known.{{ load }} is distinct from told_of.{{ load }}
        {%- endfor %}
{%- endmacro %}
