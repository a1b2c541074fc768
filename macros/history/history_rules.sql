{# The MD5 of the rules by which `history` makes versions: when they change, all members are computed again. Arguments as for `history`. #}
{% macro history_rules(tracked, overwritten, tracked_since) -%}
    {{ return(local_md5(tojson([tracked, overwritten, tracked_since]))) }}
{%- endmacro %}
