{# What a generic test reads: the whole table, or what its `where` leaves of it. Replaces dbt's macro. #}
{% macro default__get_where_subquery(relation) -%}
    {%- if config.get('where') -%}
        {{ return('(select * from ' ~ whole_table(relation) ~ ' where ' ~ config.get('where') ~ ') as dbt_subquery') }}
    {%- else -%}
        {{ return(whole_table(relation)) }}
    {%- endif -%}
{%- endmacro %}
