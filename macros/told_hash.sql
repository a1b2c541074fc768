{#
  Text that tells two states of a member's history apart: the sum of the hashes of all rows that were told of the member, as staging
  gives them today, lineage too, and the MD5 of the rules by which versions are made of them. An aggregate, or with `over` a
  window function. The same on one engine only, and until that changes how it hashes: then all members are made anew once.

  telling: alias of the relation that is read.   tracked, overwritten, tracked_since: as for `history`.
#}
{% macro told_hash(telling, tracked, overwritten, tracked_since, over='') -%}
    '{{ local_md5(tojson([tracked, overwritten, tracked_since])) }}:' || cast(sum({{ row_hash(telling) }}) {{ over }} as {{ dbt.type_string() }})
{%- endmacro %}
