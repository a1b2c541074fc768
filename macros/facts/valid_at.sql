{#
  The condition of a join to the version of a dimension member that was valid at an instant: half-open, `[valid_from, valid_to)`.

  dimension: the dimension's CTE.   key: the natural key's column, of the same name on both sides.
  fact: the fact's CTE.   instant: the fact's column that says when it happened.
#}
{% macro valid_at(dimension, key, fact, instant) -%}
    {{ fact }}.{{ key }} = {{ dimension }}.{{ key }}
    and {{ fact }}.{{ instant }} >= {{ dimension }}.valid_from
    and {{ fact }}.{{ instant }} < {{ dimension }}.valid_to
{%- endmacro %}
