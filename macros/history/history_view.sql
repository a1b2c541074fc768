{#
  The view whose rows a snapshot stores: a dictionary of `relation`, its own; `row_versions`, the relation that it reads;
  `arguments`, those of `history` beside that relation; and `rules`, of `history_rules`. Fails when the view is more than one call of `history`
  on one model: what is written around the call would be left out of the histories that a run replaces.

  snapshot: its node.
#}
{% macro history_view(snapshot) -%}
    {%- set view = graph.nodes.get(snapshot.depends_on.nodes | first, {}) -%}
    {%- set found = view.get('config', {}).get('meta', {}).get('history') -%}
    {%- set code = modules.re.sub('(?s)\\{[#].*?[#]\\}', '', view.get('raw_code', '')) -%}
    {%- set is_one_call = modules.re.fullmatch('(?s)\\s*[{]{2}-?\\s*history[(](?!.*[{]{2}).*[)]\\s*-?[}]{2}\\s*', code) is not none -%}
    {%- set read = view.get('depends_on', {}).get('nodes', []) -%}
    {%- if not found or not is_one_call or read | length != 1 or read[0] not in graph.nodes -%}
        {{ exceptions.raise_compiler_error(
            'The relation of ' ~ snapshot.name ~ ' must be a view that is one call of `history` on one model, as its strategy is `history`.'
        ) }}
    {%- endif -%}
    {%- set row_versions = graph.nodes[read[0]] -%}
    {{ return({
        'relation': api.Relation.create(database=view.database, schema=view.schema, identifier=view.alias),
        'row_versions': api.Relation.create(database=row_versions.database, schema=row_versions.schema, identifier=row_versions.alias),
        'arguments': found.arguments,
        'rules': found.rules,
    }) }}
{%- endmacro %}
