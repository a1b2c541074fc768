{#
  All versions in a log of versions, each once for every load that brought it, with its columns unchanged. A load that was killed and then finished can
  have left a row twice (decision 2).

  relation: a CTE or relation of raw rows, with `_changed_at`, `updated_at` and `_dlt_load_id`.   key: the key's column.
#}
{% macro deduplicate_versions(relation, key) -%}
    select * from (
        select
            *,
            row_number() over (partition by {{ key }}, _changed_at, _dlt_load_id order by updated_at) as copy_number
        from {{ relation }}
    ) as copies
    where copy_number = 1
{%- endmacro %}
