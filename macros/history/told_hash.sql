{#
  Text that tells two states of a member's history apart: the sum of the hashes of all rows that were told of the member, as staging
  gives them today, lineage too, and the rules by which versions are made of them. An aggregate, or with `over` a
  window function. The same on one engine only, and until that changes how it hashes: then all members are made anew once.

  telling: alias of the relation that is read.   rules: `history_rules`.
#}
{% macro told_hash(telling, rules, over='') -%}
    '{{ rules }}:' || cast(sum({{ row_hash(telling) }}) {{ over }} as {{ dbt.type_string() }})
{%- endmacro %}
