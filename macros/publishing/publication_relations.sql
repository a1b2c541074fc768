{# A table of the schema that holds what was last audited; a developer's has the prefix of the target. name: of the table. #}
{% macro audited_relation(name) -%}
    {{ return(api.Relation.create(database=target.database, schema=generate_schema_name('audited', none), identifier=name)) }}
{%- endmacro %}

{# A view of the schema that readers may read. name: of the view. #}
{% macro published_relation(name) -%}
    {{ return(api.Relation.create(database=target.database, schema=generate_schema_name('published', none), identifier=name)) }}
{%- endmacro %}
