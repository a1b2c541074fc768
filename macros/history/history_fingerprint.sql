{#
  Text that is another one whenever a member's history may be another one: the sum of the hashes of all row versions of the member, as staging
  gives them today, lineage too, and the rules by which versions are made of them. An aggregate, or with `over` a
  window function. The same on one engine only, and until that changes how it hashes: then all members are computed again once.

  row_version: alias of the relation that is read.   rules: `history_rules`.   over: the window. Gives text.
#}
{% macro history_fingerprint(row_version, rules, over='') -%}
    '{{ rules }}:' || cast(sum({{ row_hash(row_version) }}) {{ over }} as {{ dbt.type_string() }})
{%- endmacro %}
