{#
  The sources that published models are made of, as far as dlt landed them: a list, by name, of dictionaries of
    name
    tables            the relations of its tables, by name
    tables_of         the names of the tables that a model is made of, by the model's name
    loads             its `_dlt_loads`
    read_log          its `read_log`; none when there is no such table yet
    quarantine        its `quarantine`; none when there is no such table yet
    limits            by the table's name, what sources.yml says of its rows in quarantine (`quarantined`)
    late_after_hours  its freshness's `warn_after`; none when it has none

  models: of `published_models`.   there: of `publication_catalogue`.
#}
{% macro upstream_sources(models, there) -%}
    {%- set sources = {} -%}
    {%- for table in graph.sources.values() if table.name == '_dlt_loads' -%}
        {%- set read_log = api.Relation.create(database=table.database, schema=table.schema, identifier='read_log') -%}
        {%- set quarantine = read_log.incorporate(path={'identifier': 'quarantine'}) -%}
        {%- do sources.update({table.source_name: {
            'name': table.source_name,
            'tables': {},
            'tables_of': {},
            'loads': api.Relation.create(database=table.database, schema=table.schema, identifier=table.identifier),
            'read_log': read_log if read_log | string in there else none,
            'quarantine': quarantine if quarantine | string in there else none,
            'limits': {},
            'late_after_hours': none,
        }}) -%}
    {%- endfor -%}
    {%- for model in models -%}
        {%- for id in model.upstream if id in graph.sources and graph.sources[id].name != '_dlt_loads' -%}
            {%- set table = graph.sources[id] -%}
            {%- if table.source_name in sources -%}
                {%- set source = sources[table.source_name] -%}
                {%- do source.tables.update({table.name: api.Relation.create(database=table.database, schema=table.schema, identifier=table.identifier)}) -%}
                {%- do source.limits.update({table.name: table.config.meta.get('quarantine', {})}) -%}
                {%- do source.tables_of.setdefault(model.name, []).append(table.name) -%}
                {%- set late = (table.freshness or {}).get('warn_after') or {} -%}
                {%- if late.get('count') -%}
                    {%- do source.update({'late_after_hours': late.count * {'minute': 1 / 60, 'hour': 1, 'day': 24}[late.period | string]}) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(sources.values() | selectattr('tables') | sort(attribute='name') | list) }}
{%- endmacro %}
