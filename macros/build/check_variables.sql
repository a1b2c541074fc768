{#
  The hook at the start of every run that builds: nothing is built from relations that were built with other variables (dbt_project.yml, `--vars`).
    built in this run        marked until it is complete; an incremental model or a history is rebuilt (`should_full_refresh`)
    read, not built          the run ends with an error that says what to build
    can't be rebuilt         a snapshot with a strategy of dbt's own, a model with `full_refresh: false`: the run ends with an error
  At the end `record_variables` records what was built.
#}
{% macro check_variables() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry') -%}
        {%- set variables, recorded = project_variables(), built_with() -%}
        {%- set mixed, lasting, renewed, marked = [], [], [], [] -%}
        {%- for id in relations_of_run() -%}
            {%- set node = graph.nodes[id] -%}
            {%- set name = relation_name(api.Relation.create(schema=node.schema, identifier=node.alias)) -%}
            {%- set known = recorded.get(name) -%}
            {%- if id not in selected_resources -%}
                {%- if known not in (none, variables) -%}
                    {%- do mixed.append({'name': node.name, 'known': known}) -%}
                {%- endif -%}
            {%- elif is_lasting(node) -%}
                {%- if known not in (none, variables) and load_relation(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) -%}
                    {%- do lasting.append({'name': node.name, 'known': known}) -%}
                {%- endif -%}
            {%- elif known != variables -%}
                {%- do marked.append(name) -%}
                {%- if known and node.config.materialized in ('incremental', 'snapshot') -%}
                    {%- do renewed.append({'name': node.name, 'known': known}) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if mixed -%}
            {{ exceptions.raise_compiler_error(
                'Nothing was built. This run reads ' ~ named(mixed) ~ ', built with other variables (' ~ difference(mixed, variables)
                ~ '), and does not build them. Run `dbt build`, or select them too: `--select +<model>`.'
            ) }}
        {%- elif lasting -%}
            {{ exceptions.raise_compiler_error(
                'Nothing was built. ' ~ named(lasting) ~ ', built with other variables (' ~ difference(lasting, variables)
                ~ "), can't be rebuilt, not even by --full-refresh. To keep its rows and continue: `dbt run-operation accept_variables --args '{name: "
                ~ lasting[0].name ~ "}'`. To lose them: drop its table."
            ) }}
        {%- elif renewed -%}
            {%- do log('Rebuilt, as with --full-refresh: ' ~ named(renewed) ~ ', built with other variables (' ~ difference(renewed, variables) ~ ')', info=true) -%}
        {%- endif -%}
        {%- do mark_variables(marked) -%}
    {%- endif -%}
{%- endmacro %}

{# The ids of all models, snapshots and seeds that the run builds or reads: what is selected, with its ancestors. #}
{% macro relations_of_run() -%}
    {%- set found = {} -%}
    {%- for id in selected_resources if id in graph.nodes and graph.nodes[id].resource_type in ('model', 'snapshot', 'seed') -%}
        {%- do found.update({id: true}) -%}
        {%- do collect_upstream(id, found) -%}
    {%- endfor -%}
    {%- set relations = [] -%}
    {%- for id in found if id in graph.nodes and graph.nodes[id].config.materialized != 'ephemeral' -%}
        {%- do relations.append(id) -%}
    {%- endfor -%}
    {{ return(relations | sort) }}
{%- endmacro %}

{# Whether the rows of a node can't be rebuilt. node: as in `graph`. #}
{% macro is_lasting(node) -%}
    {{ return(
        node.resource_type == 'snapshot' and node.config.strategy != 'history'
        or node.config.materialized == 'incremental' and node.config.full_refresh is false
    ) }}
{%- endmacro %}

{# At most three names. #}
{% macro named(nodes) -%}
    {%- set names = nodes | map(attribute='name') | list -%}
    {{ return(names[:3] | join(', ') ~ (' and ' ~ (names | length - 3) ~ ' more' if names | length > 3 else '')) }}
{%- endmacro %}

{# What differs: the variables of the first node that was completed, then and now. #}
{% macro difference(nodes, variables) -%}
    {%- set now, changes = fromjson(variables), [] -%}
    {%- for node in nodes if node.known and not changes -%}
        {%- set then = fromjson(node.known) -%}
        {%- for name in (then | list + now | list) | unique if then.get(name) != now.get(name) -%}
            {%- do changes.append(name ~ ' was ' ~ tojson(then.get(name)) ~ ', is ' ~ tojson(now.get(name))) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(changes | join('; ') or 'a build with others was not completed') }}
{%- endmacro %}
