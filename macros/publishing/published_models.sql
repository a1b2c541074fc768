{#
  What readers are to see: the project's models of access `public`, in the order of their names. Each is a dictionary of
    name, unique_id
    built        where dbt writes it: the newest, maybe not audited
    audited, published
    day          a large fact's column of days (`fact_config`), by which it is copied; none for other models
    cluster_by   BigQuery: its columns
    personal     the types of its columns that are tagged `pii`, by name
    texts        the names of its other columns of text, but for those of which `meta: {pii: false}` says that they hold nothing personal
    upstream     the ids of all that it is made of: sources, seeds, models
#}
{% macro published_models() -%}
    {%- set models = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.access == 'public' and node.package_name == project_name -%}
        {%- set upstream = {} -%}
        {%- do collect_upstream(node.unique_id, upstream) -%}
        {%- set personal, texts = {}, [] -%}
        {%- for column in node.columns.values() -%}
            {%- if 'pii' in column.config.tags -%}
                {%- do personal.update({column.name: column.data_type}) -%}
            {%- elif column.data_type == 'string' and column.config.meta.get('pii') is not false -%}
                {%- do texts.append(column.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do models.append({
            'name': node.name,
            'unique_id': node.unique_id,
            'built': api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias),
            'audited': audited_relation(node.name),
            'published': published_relation(node.name),
            'day': node.config.meta.get('day'),
            'cluster_by': [node.config.cluster_by] if node.config.cluster_by is string else node.config.cluster_by,
            'personal': personal,
            'texts': texts,
            'upstream': upstream.keys() | list,
        }) -%}
    {%- endfor -%}
    {{ return(models | sort(attribute='name') | list) }}
{%- endmacro %}

{# Adds all ancestors of a node to a dictionary; its values mean nothing. #}
{% macro collect_upstream(unique_id, found) -%}
    {%- for parent in graph.nodes[unique_id].depends_on.nodes if parent not in found -%}
        {%- do found.update({parent: true}) -%}
        {%- if parent in graph.nodes -%}
            {%- do collect_upstream(parent, found) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
