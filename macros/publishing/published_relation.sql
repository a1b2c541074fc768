{# A view of the schema that readers may read. #}
{% macro published_relation(name) -%}
    {{ return(api.Relation.create(database=target.database, schema=generate_schema_name('published', none), identifier=name)) }}
{%- endmacro %}
