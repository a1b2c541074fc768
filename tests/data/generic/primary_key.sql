{#
  The columns together identify a row: none of them is null, and no two rows have the same values.
  Gives the keys that break it, and how many rows have them.
#}
{% test primary_key(model, columns) %}
    select
        {{ columns | join(', ') }},
        count(*) as number_of_rows
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1 or {{ columns | join(' is null or ') }} is null
{% endtest %}
