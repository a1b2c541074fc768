{#
  A bigint from text; null for anything but an optional minus and digits, and for a number that a bigint can't hold.
  No blanks, no plus, no fraction (not even `7.0`).

  text: expression of type text.   digits: how many at most; 9 always fit into an integer.
#}
{% macro safe_integer(text, digits=19) -%}
    {{ safe_cast_matching(text, '-?[0-9]{1,' ~ digits ~ '}', 'bigint') }}
{%- endmacro %}
