{#
  A condition that every row fulfils, for those who read all days of a large fact: BigQuery refuses a query on it that does not
  say which days it wants (`require_partition_filter`), so that nobody pays for all of history by accident.

  day: the fact's column of days, as `ordered_on` of fact_sales.
#}
{% macro on_any_day(day) -%}
    {{ day }} >= cast('0001-01-01' as date)
{%- endmacro %}
