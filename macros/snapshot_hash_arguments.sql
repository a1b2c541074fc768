{#
  `dbt_scd_id`, the key of a version in a snapshot: made as all our version keys are, so that it is the same on every
  engine. dbt's own hashes the instant as each engine writes it. Replaces dbt's macro.

  args: from dbt, the unique key's columns and then the instant from which the version is valid.
#}
{% macro default__snapshot_hash_arguments(args) -%}
    {{ surrogate_key(args[:-1] | join(" || '|' || "), args[-1]) }}
{%- endmacro %}
