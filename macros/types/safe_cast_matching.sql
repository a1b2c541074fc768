{#
  A cast of text that matches a pattern; null for any other text, instead of an error. The pattern makes the engines
  agree: by themselves DuckDB casts '1.5' to the integer 2, BigQuery accepts '0x10', PostgreSQL 'infinity', and each
  accepts other ways to write a time. `safe_integer` and the other `safe_…` macros have the patterns.

  text: expression of type text.   type: the engine's type.
  pattern: a regular expression for all of the text, in what RE2 and POSIX share; no backslashes.
#}
{% macro safe_cast_matching(text, pattern, type) -%}
    {{ adapter.dispatch('safe_cast_matching')(text, pattern, type) }}
{%- endmacro %}

{% macro default__safe_cast_matching(text, pattern, type) -%}
    case when regexp_matches({{ text }}, '^{{ pattern }}$') then try_cast({{ text }} as {{ type }}) end
{%- endmacro %}

{#
  `limit 1` keeps PostgreSQL from putting the text's expression in three places, which is expensive if it parses JSON.
  The last null has a type, as the scale of a numeric would be lost otherwise.
#}
{% macro postgres__safe_cast_matching(text, pattern, type) -%}
    (
        select
            case
                when given ~ '^{{ pattern }}$' and pg_input_is_valid(given, '{{ type }}')
                    then cast(given as {{ type }})
                else cast(null as {{ type }})
            end
        from (select {{ text }} as given limit 1) as once
    )
{%- endmacro %}

{% macro bigquery__safe_cast_matching(text, pattern, type) -%}
    case when regexp_contains({{ text }}, r'^{{ pattern }}$') then safe_cast({{ text }} as {{ type }}) end
{%- endmacro %}

{% macro snowflake__safe_cast_matching(text, pattern, type) -%}
    case when regexp_like({{ text }}, '^{{ pattern }}$') then try_cast({{ text }} as {{ type }}) end
{%- endmacro %}
