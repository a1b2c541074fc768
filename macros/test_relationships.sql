{# dbt's test `relationships`, whose other side can be a large fact too. Replaces dbt's macro. #}
{% macro default__test_relationships(model, column_name, to, field) %}
    select child.{{ column_name }}
    from (select * from {{ model }}) as child
    left join (select * from {{ whole_table(to) }}) as parent
        on child.{{ column_name }} = parent.{{ field }}
    where
        child.{{ column_name }} is not null
        and parent.{{ field }} is null
{% endmacro %}
