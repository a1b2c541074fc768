{#
  The key of one version of a dimension member: the MD5 of its id and of the microsecond from which it is valid.
  The same on every machine and in every rebuild, as no counter is involved. The instant goes in as a
  number because engines write timestamps differently.

  id: expression, the natural key.   valid_from: expression, timestamp with time zone. Gives 32 hexadecimal digits.
#}
{% macro surrogate_key(id, valid_from) -%}
    md5(cast({{ id }} as {{ dbt.type_string() }}) || '|' || cast({{ epoch_microseconds(valid_from) }} as {{ dbt.type_string() }}))
{%- endmacro %}
