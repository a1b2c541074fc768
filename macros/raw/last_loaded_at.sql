{#
  A query for `dbt source freshness`: when new rows of a source were last loaded. A refilled interval and a replay do not count.

  table: relation of any of the source's raw tables.
#}
{% macro last_loaded_at(table) -%}
    select max(inserted_at) from {{ table.incorporate(path={'identifier': '_dlt_loads'}) }}
    where
        status = 0
        and load_id in (
            select _dlt_load_id from {{ table.incorporate(path={'identifier': 'read_log'}) }}
            where not coalesce(is_interval, false)
        )
{%- endmacro %}
