{#
  The versions of each member make one unbroken line: the first begins at the beginning of time, each
  next one where the last ended, none is empty, and only the last, which ends at the end of time, is current.
  Gives the versions that break it.

  key: the member's natural key.
#}
{% test valid_ranges(model, key) %}
    select * from (
        select
            {{ key }},
            valid_from,
            valid_to,
            is_current,
            lag(valid_to) over (partition by {{ key }} order by valid_from, valid_to) as previous_valid_to,
            lead(valid_from) over (partition by {{ key }} order by valid_from, valid_to) as next_valid_from
        from {{ model }}
    ) as versions
    where
        valid_from >= valid_to
        or valid_from <> coalesce(previous_valid_to, {{ beginning_of_time() }})
        or valid_to <> coalesce(next_valid_from, {{ end_of_time() }})
        or is_current <> (next_valid_from is null)
{% endtest %}
