{#
  The text of a scalar inside a JSON column: a string without its quotes, a number, `true` or `false`. Null where the path
  leads nowhere, to a JSON null, to an object or to an array. An amount stays text until `safe_decimal` casts it.
  Engines write the same number differently (1.10, 1.1), so cast numbers by `safe_decimal` or `safe_integer`;
  DuckDB keeps 17 digits of a fraction, so a source should send exact numbers as strings.

  column: the JSON column (on BigQuery a string that holds JSON: its JSON type converts numbers to floats).
  path: a list of keys, outermost first; no positions in arrays.
#}
{% macro json_text(column, path) -%}
    {{ adapter.dispatch('json_text')(column, path) }}
{%- endmacro %}

{% macro default__json_text(column, path) -%}
    json_value({{ column }}, '$."{{ path | join('"."') }}"')
{%- endmacro %}

{% macro duckdb__json_text(column, path) -%}
    json_extract_string(json_value({{ column }}, '$."{{ path | join('"."') }}"'), '$')
{%- endmacro %}

{% macro postgres__json_text(column, path) -%}
    {%- set steps = "array['" ~ path | join("', '") ~ "']" -%}
    case when json_typeof({{ column }} #> {{ steps }}) not in ('object', 'array') then {{ column }} #>> {{ steps }} end
{%- endmacro %}

{# The JSON of a string begins with a quotation mark, even if the string begins with a brace. #}
{% macro snowflake__json_text(column, path) -%}
    {%- set found = 'get_path(' ~ column ~ ", '\"" ~ path | join('"."') ~ "\"')" -%}
    case when left(to_json({{ found }}), 1) not in ('{', '[') then cast({{ found }} as varchar) end
{%- endmacro %}
