{#
  The condition that selects the row versions of the changed members; none when no member changed. PostgreSQL and DuckDB apply a list of ids
  at the scan of raw, below the window functions of staging. Ids that are text are not listed, as they may be personal data and the list is
  in dbt's log, nor are more than 10,000: a subquery finds them, applied below the window functions of `history`, but above those of staging.

  id: the member's id.   changed: the relation with the rows of `changed_members`.
#}
{% macro members_condition(id, changed) -%}
    {%- set most = 10000 -%}
    {%- set found = 'select ' ~ id ~ ' from ' ~ changed -%}
    {%- set ids = run_query(found ~ ' limit ' ~ (most + 1)).columns[0].values() | list -%}
    {%- if not ids -%}
        {{ return(none) }}
    {%- elif ids | length > most or ids | reject('number') | list -%}
        {{ return(id ~ ' in (' ~ found ~ ')') }}
    {%- endif -%}
    {{ return(id ~ ' in (' ~ ids | join(', ') ~ ')') }}
{%- endmacro %}
