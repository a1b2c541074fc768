{#
  A timestamp with time zone from text; null for anything but `YYYY-MM-DDThh:mm:ss`, optionally with 1 to 6 decimals of a second, and a
  zone: `Z`, `+hh`, `-hh`, `+hh:mm` or `-hh:mm`, at most 14 hours. A blank may replace the T. Also null for years before
  1000, and for the year 9999 with a negative offset, as BigQuery ends with that year.

  text: expression of type text.
#}
{% macro safe_timestamp(text) -%}
    {%- set year = '[1-9][0-9]{3}' -%}
    {%- set year_but_9999 = '([1-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])' -%}
    {%- set rest = '-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?' -%}
    {%- set offset = '((0[0-9]|1[0-3])(:[0-5][0-9])?|14(:00)?)' -%}
    {{ safe_cast_matching(text, '(' ~ year ~ rest ~ '(Z|[+]' ~ offset ~ ')|' ~ year_but_9999 ~ rest ~ '-' ~ offset ~ ')', type_timestamptz()) }}
{%- endmacro %}
