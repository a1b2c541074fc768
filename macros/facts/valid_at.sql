{#
  The condition of a join to the version of a dimension member that was valid at a point in time: half-open, `[valid_from, valid_to)`.

  dimension: the dimension's CTE.   key: the natural key's column, of the same name on both sides.
  fact: the fact's CTE.   occurred_at: the fact's column with the time at which it happened.
#}
{% macro valid_at(dimension, key, fact, occurred_at) -%}
    {{ fact }}.{{ key }} = {{ dimension }}.{{ key }}
    and {{ fact }}.{{ occurred_at }} >= {{ dimension }}.valid_from
    and {{ fact }}.{{ occurred_at }} < {{ dimension }}.valid_to
{%- endmacro %}
