{# A table of the schema that holds what was last audited; a developer's has the prefix of the target. #}
{% macro audited_relation(name) -%}
    {{ return(api.Relation.create(database=target.database, schema=generate_schema_name('audited', none), identifier=name)) }}
{%- endmacro %}
