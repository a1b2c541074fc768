{#
  Text that changes whenever a member's history may change: the sum of the hashes of all row versions of the member in staging,
  lineage included, and the rules by which they become versions. An aggregate, or with `over` a
  window function. It depends on the engine; when an engine changes its hash, all members are computed again once.

  row_version: alias of the relation that is read.   rules: `history_rules`.   over: the window. Gives text.
#}
{% macro history_fingerprint(row_version, rules, over='') -%}
    '{{ rules }}:' || cast(sum({{ row_hash(row_version) }}) {{ over }} as {{ dbt.type_string() }})
{%- endmacro %}
