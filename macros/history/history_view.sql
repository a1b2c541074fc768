{# Of the view that a snapshot keeps: its relation, the relation that it reads (`told`), and its `rules`. #}
{% macro history_view(snapshot) -%}
    {%- set view = graph.nodes.get(snapshot.depends_on.nodes | first, {}) -%}
    {%- set rules = view.get('config', {}).get('meta', {}).get('history_rules') -%}
    {%- set read = view.get('depends_on', {}).get('nodes', []) -%}
    {%- if not rules or read | length != 1 or read[0] not in graph.nodes -%}
        {{ exceptions.raise_compiler_error(
            'The relation of ' ~ snapshot.name ~ ' must be a view that is one call of `history` on one model, as `strategy: history` says.'
        ) }}
    {%- endif -%}
    {%- set told = graph.nodes[read[0]] -%}
    {{ return({
        'relation': api.Relation.create(database=view.database, schema=view.schema, identifier=view.alias),
        'told': api.Relation.create(database=told.database, schema=told.schema, identifier=told.alias),
        'rules': rules,
    }) }}
{%- endmacro %}
