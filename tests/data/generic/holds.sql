{#
  An expression holds for every row: gives the rows for which it is false. Unknown (null) passes, as it
  does in a check constraint, so add `is not null` where you mean it.
#}
{% test holds(model, expression) %}
    select * from {{ model }}
    where not ({{ expression }})
{% endtest %}
