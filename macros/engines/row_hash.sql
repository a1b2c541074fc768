{#
  A number of 64 bits from all values of a row, to compare tables by their sums. It is hashed twice: both engines combine the hashes
  of the columns in a way that leaves the sum unchanged when two rows swap a value.

  row: alias of the relation.
#}
{% macro row_hash(row) -%}
    {{ adapter.dispatch('row_hash')(row) }}
{%- endmacro %}

{% macro default__row_hash(row) -%}
    hash(hash({{ row }}))
{%- endmacro %}

{% macro postgres__row_hash(row) -%}
    hashint8extended(hash_record_extended({{ row }}, 0), 0)
{%- endmacro %}

{# NUMERIC holds the sum of 10,000 million of them. The stand-in's BIGNUMERIC, with half of its places behind the point, holds that of a thousand. #}
{% macro bigquery__row_hash(row) -%}
    cast(farm_fingerprint(to_json_string({{ row }})) as numeric)
{%- endmacro %}
