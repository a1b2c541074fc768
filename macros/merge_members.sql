{#
  The merge of new rows into a table of `history_config`, on BigQuery: all versions of the members that changed take the place of those
  that the table had. A version that is no more, as something came late, is deleted by the same statement, so no reader sees
  a member without versions or with two at a time.

  target, source, unique_key: as in `bigquery__get_merge_sql`.   columns: the names of all columns.
#}
{% macro merge_members(target, source, unique_key, columns) -%}
    {%- set member = config.get('meta')['member'] -%}
    declare members default (select array_agg(distinct {{ member }}) from {{ source }} as arriving);

    merge into {{ target }} as known
    using {{ source }} as arriving
        on known.{{ unique_key }} = arriving.{{ unique_key }}
    when matched then update set
        {%- for column in columns %}
        {{ column }} = arriving.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    when not matched then insert ({{ columns | join(', ') }})
    values ({{ columns | join(', ') }})
    when not matched by source and known.{{ member }} in unnest(members) then delete;
{%- endmacro %}
