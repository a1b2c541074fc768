{#
  dbt's cast, for BigQuery, without the type's parameters: BigQuery answers "Parameterized types are not allowed in CAST
  expressions". dbt's check of contracts casts null to each declared type, `numeric(18, 2)` among them.
  The table itself is made with the type as it was declared.
#}
{% macro bigquery__cast(field, type) -%}
    cast({{ field }} as {{ type.split('(')[0] }})
{%- endmacro %}
