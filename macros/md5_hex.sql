{#
  The MD5 of text, of its bytes in UTF-8, as 32 hexadecimal digits in lower case: BigQuery's own `md5` gives bytes.

  text: expression.
#}
{% macro md5_hex(text) -%}
    {{ dbt.hash(text) }}
{%- endmacro %}
