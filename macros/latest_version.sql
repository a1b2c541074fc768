{#
  One row per key of a raw log: the last that the source said of it, its columns as they are, plus
    last_deleted_at  when the key was noticed to be gone from the source; null while it is there
    last_changed_at  the latest change or deletion that any of its rows tells of; never goes back in time
    last_load_id     the last load that said anything of the key

  What was loaded last wins, not what claims the later `updated_at`: a long transaction commits after
  a short one with an older timestamp, and then the source itself holds the older one. Within one load
  (a page that came twice) the later cursor wins. The row that marks a deletion holds only the key, so
  the values come from the last row that was no such mark.

  relation: a CTE or relation of raw rows.   key: the key's column.   cursor: its column of changes.
  deletes: false where the source marks no deletions (an API without them).
#}
{% macro latest_version(relation, key, cursor, deletes=true) -%}
    select * from (
        select
            *,
            max({% if deletes %}coalesce(_deleted_at, {{ cursor }}){% else %}{{ cursor }}{% endif %}) over (
                partition by {{ key }}
            ) as last_changed_at,
            max(_dlt_load_id) over (partition by {{ key }}) as last_load_id,
            {% if deletes -%}
            first_value(_deleted_at) over (
                partition by {{ key }} order by _dlt_load_id desc, _deleted_at desc nulls last
            ) as last_deleted_at,
            {% endif -%}
            row_number() over (
                partition by {{ key }}
                order by
                    {% if deletes %}case when _deleted_at is null then 0 else 1 end, {% endif -%}
                    _dlt_load_id desc, {{ cursor }} desc
            ) as version_rank
        from {{ relation }}
    ) as ranked
    where version_rank = 1
{%- endmacro %}
