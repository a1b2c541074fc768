{#
  Statements that replace all versions of members in `target` by those in `new`.

  target, new: relations with the same columns.   id: the member's id.   columns: of `target`, as dbt gives them.
#}
{% macro merge_history(target, new, id, columns) -%}
    {{ adapter.dispatch('merge_history')(target, new, id, columns) }}
{%- endmacro %}

{% macro default__merge_history(target, new, id, columns) -%}
    {{ get_delete_insert_merge_sql(target, new, id, columns, none) }}
{%- endmacro %}

{#
  BigQuery has no transaction around two jobs. So one merge does everything: it also deletes a version that no longer exists because another arrived late,
  and no reader sees a member without versions or with two at a time.
#}
{% macro bigquery__merge_history(target, new, id, columns) -%}
    {%- set key, names = id[:-3] ~ '_key', columns | map(attribute='name') | list -%}
    declare members default (select array_agg(distinct {{ id }}) from {{ new }} as arriving);

    merge into {{ target }} as known
    using {{ new }} as arriving
        on known.{{ key }} = arriving.{{ key }}
    when matched then update set
        {%- for column in names %}
        {{ column }} = arriving.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    when not matched then insert ({{ names | join(', ') }})
    values ({{ names | join(', ') }})
    when not matched by source and known.{{ id }} in unnest(members) then delete;
{%- endmacro %}
