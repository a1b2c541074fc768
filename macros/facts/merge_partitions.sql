{#
  The merge of new rows into a fact of `fact_config`, on BigQuery. It first collects the days of the new rows, and the days of the
  rows that they replace (a fact can move to another day). Then it merges into the partitions of these days only: BigQuery prunes
  partitions by a list of constants, and not by a subquery. So an hour's run does not rewrite, or pay for, all of history; it reads
  its key and day, two narrow columns.
  A new row that fulfils the fact's `delete_when` deletes its predecessor.

  target, source, unique_key: as in `bigquery__get_merge_sql`.   columns: the names of all columns.
#}
{% macro merge_partitions(target, source, unique_key, columns) -%}
    {%- set day = config.get('partition_by')['field'] -%}
    declare days array<date> default (
        select array_agg(distinct day)
        from (
            select arriving.{{ day }} as day
            from {{ source }} as arriving
            union all
            select known.{{ day }} as day
            from {{ target }} as known
            inner join {{ source }} as arriving
                on known.{{ unique_key }} = arriving.{{ unique_key }}
        ) as concerned
    );

    merge into {{ target }} as known
    using (
        select
            *,
            coalesce({{ config.get('meta')['delete_when'] }}, false) as is_deletion
        from {{ source }} as landed
    ) as arriving
        on
            known.{{ day }} in unnest(days)
            and known.{{ unique_key }} = arriving.{{ unique_key }}
    when matched and arriving.is_deletion then delete
    when matched then update set
        {%- for column in columns %}
        {{ column }} = arriving.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    when not matched and not arriving.is_deletion then insert ({{ columns | join(', ') }})
    values ({{ columns | join(', ') }});
{%- endmacro %}
