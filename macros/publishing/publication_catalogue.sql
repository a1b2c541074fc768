{#
  What is in the schemas that publishing reads and writes: a dictionary by relation, as text, of
    columns  their names and types (PostgreSQL: and whether they may be null) in their order, as text
    names    the names alone, separated by commas
    schema, name
    comment, readers  PostgreSQL: its comment; the roles beside the owner that have a right on it, separated by commas
  In one query, as it is asked at the end of each run.

  models: of `published_models`.
#}
{% macro publication_catalogue(models) -%}
    {%- set schemas = [audited_relation('any').schema, published_relation('any').schema] -%}
    {%- for model in models -%}
        {%- do schemas.append(model.built.schema) -%}
        {%- for id in model.upstream if id in graph.sources -%}
            {%- do schemas.append(graph.sources[id].schema) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set there = {} -%}
    {%- for row in adapter.dispatch('publication_catalogue')(schemas | unique | list) -%}
        {%- set relation = api.Relation.create(database=target.database, schema=row['schema'], identifier=row['name']) -%}
        {%- do there.update({relation | string: dict(row)}) -%}
    {%- endfor -%}
    {{ return(there) }}
{%- endmacro %}

{% macro default__publication_catalogue(schemas) -%}
    {{ return(run_query("
        select
            schema_name as schema,
            table_name as name,
            string_agg(column_name || ' ' || data_type, ', ' order by column_index) as columns,
            string_agg(column_name, ',' order by column_index) as names
        from duckdb_columns()
        where database_name = current_database() and schema_name in ('" ~ schemas | join("', '") ~ "')
        group by all
    ").rows) }}
{%- endmacro %}

{% macro postgres__publication_catalogue(schemas) -%}
    {{ return(run_query("
        select
            space.nspname as schema,
            relation.relname as name,
            (
                select string_agg(
                    attname || ' ' || format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end, ', ' order by attnum
                )
                from pg_attribute
                where attrelid = relation.oid and attnum > 0 and not attisdropped
            ) as columns,
            (
                select string_agg(attname, ',' order by attnum) from pg_attribute
                where attrelid = relation.oid and attnum > 0 and not attisdropped
            ) as names,
            (
                select string_agg(distinct case grantee when 0 then 'public' else cast(cast(grantee as regrole) as text) end, ',')
                from aclexplode(relation.relacl)
                where grantee <> relation.relowner
            ) as readers,
            obj_description(relation.oid, 'pg_class') as comment
        from pg_class as relation
        inner join pg_namespace as space on relation.relnamespace = space.oid
        where relation.relkind in ('r', 'p', 'v', 'm', 'f') and space.nspname in ('" ~ schemas | join("', '") ~ "')
    ").rows) }}
{%- endmacro %}

{# Each data set is asked by its name, so those of ours must be there. #}
{% macro bigquery__publication_catalogue(schemas) -%}
    {%- for schema in schemas[:2] -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) -%}
    {%- endfor -%}
    {%- set columns = [] -%}
    {%- for schema in schemas -%}
        {%- do columns.append('select * from `' ~ target.database ~ '`.`' ~ schema ~ '`.information_schema.columns') -%}
    {%- endfor -%}
    {{ return(run_query("
        select
            table_schema as schema,
            table_name as name,
            string_agg('`' || column_name || '` ' || data_type, ', ' order by ordinal_position) as columns,
            string_agg(column_name, ',' order by ordinal_position) as names
        from (" ~ columns | join(' union all ') ~ ") as found
        group by table_schema, table_name
    ").rows) }}
{%- endmacro %}
