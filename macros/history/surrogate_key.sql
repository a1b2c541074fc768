{#
  The key of one version of a dimension member: the MD5 of its id and of the microsecond from which it is valid.
  The same on every machine, every engine and in every rebuild, as no counter is involved. The timestamp goes in as a
  number because engines write timestamps differently.

  id: expression, the natural key.   valid_from: expression, a timestamp. Gives 32 hexadecimal digits.
#}
{% macro surrogate_key(id, valid_from) -%}
    {%- set text = dbt.type_string() -%}
    {{ dbt.hash('cast(' ~ id ~ ' as ' ~ text ~ ") || '|' || cast(" ~ epoch_microseconds(valid_from) ~ ' as ' ~ text ~ ')') }}
{%- endmacro %}
