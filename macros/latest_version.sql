{#
  One row per key of a raw log: the last that the source said of it, its columns as they are, plus
    last_changed_at  the latest change or deletion that any of its rows tells of; never goes back in time
  A key that is gone from the source lands as its last row with `_deleted_at`, so that is its latest version.

  What was loaded last wins, not what claims the later `updated_at`: a long transaction commits after
  a short one with an older timestamp, and then the source itself holds the older one. Within one load
  (a page that came twice) the later cursor wins.

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
            row_number() over (partition by {{ key }} order by {{ text_order('_dlt_load_id') }} desc, {{ cursor }} desc nulls last) as version_rank
        from {{ relation }}
    ) as ranked
    where version_rank = 1
{%- endmacro %}
