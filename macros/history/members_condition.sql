{#
  The condition on the view that leaves the changed members; none when no member changed. A list of their ids is what engines apply to the
  rows that the view reads, below its window functions: so a run that changes few members computes few. Many members, and ids that are text
  (which may be personal data, and would be in dbt's log) are found by a subquery, and then the engine computes all.

  id: the member's id.   changed: the query of `changed_members`.
#}
{% macro members_condition(id, changed) -%}
    {%- set most = 10000 -%}
    {%- set ids = run_query(changed ~ ' limit ' ~ (most + 1)).columns[0].values() | list -%}
    {%- if not ids -%}
        {{ return(none) }}
    {%- elif ids | length > most or ids | reject('number') | list -%}
        {{ return('versions.' ~ id ~ ' in (' ~ changed ~ ')') }}
    {%- endif -%}
    {{ return('versions.' ~ id ~ ' in (' ~ ids | join(', ') ~ ')') }}
{%- endmacro %}
