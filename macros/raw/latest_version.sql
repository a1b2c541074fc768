{#
  One row per key of a log of versions: the one that holds now, with its columns unchanged.
  A row that was deleted in the source lands as it last was with `_deleted_at`, so that is its latest version.

  The version with the latest `_changed_at` wins, whatever the order of arrival; of two with the same time the one that
  was loaded later. Not the latest `updated_at`: a long transaction commits after a short one with an older timestamp, and then the source
  itself holds the older; the landing dates it later than the one it replaced.

  relation: a CTE or relation of versions.   key: the key's column.   changed_at: the column with the time from which a version holds.
#}
{% macro latest_version(relation, key, changed_at='_changed_at') -%}
    select * from (
        select
            *,
            row_number() over (partition by {{ key }} order by {{ changed_at }} desc, {{ text_order('_dlt_load_id') }} desc) as version_rank
        from {{ relation }}
    ) as ranked
    where version_rank = 1
{%- endmacro %}
