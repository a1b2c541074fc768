{#
  The MD5 of the rules by which `history` makes versions: of its query, whatever it reads. When they change, by other arguments or by another
  macro, all members are computed again. Arguments as for `history`.
#}
{% macro history_rules(entity, tracked, overwritten, tracked_since, loads) -%}
    {{ return(local_md5(history_query('row_versions', entity, tracked, overwritten, tracked_since, loads, rules=''))) }}
{%- endmacro %}
