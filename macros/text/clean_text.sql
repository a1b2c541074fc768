{#
  Text without blanks around it; null when nothing is left, so that a blank name does not count as a name. Blanks are the
  space, the tab, the line breaks and other controls that `isspace` names, and the no-break space. They are listed, as engines
  differ in what `trim` removes by default: spaces only, or all of Unicode's white space.

  column: expression of type text.
#}
{% macro clean_text(column) -%}
    nullif(trim({{ column }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160)), '')
{%- endmacro %}
