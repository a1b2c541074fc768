{#
  dbt's cast, for BigQuery, without the type's parameters: BigQuery answers "Parameterized types are not allowed in CAST
  expressions". dbt's check of contracts casts null to each declared type, `numeric(18, 2)` among them.
  The table itself has the declared type.
#}
{% macro bigquery__cast(field, type) -%}
    cast({{ field }} as {{ type.split('(')[0] }})
{%- endmacro %}
