{#
  Statements that make a model's table in `audited` equal to what was built, and touch only what differs: a large fact by its
  days, any other table as a whole. By `delete` and `insert`, for on PostgreSQL `truncate`, `drop` and renaming block whoever
  reads. A part differs when the number of its rows or the sum of their hashes does.

  model: of `published_models`.
#}
{% macro copy_to_audited(model) -%}
    {%- set part = model.day or '1' -%}
    create temporary table parts_that_differ as
    select coalesce(built.part, audited.part) as part
    from (
        select {{ part }} as part, count(*) as number_of_rows, sum({{ row_hash('entry') }}) as hashes
        from {{ model.built }} as entry
        group by {{ part if model.day else '1' }}
    ) as built
    full outer join (
        select {{ part }} as part, count(*) as number_of_rows, sum({{ row_hash('entry') }}) as hashes
        from {{ model.audited }} as entry
        group by {{ part if model.day else '1' }}
    ) as audited
        on built.part = audited.part
    where
        built.number_of_rows is distinct from audited.number_of_rows
        or built.hashes is distinct from audited.hashes;
    delete from {{ model.audited }}
    where {{ part }} in (select parts_that_differ.part from parts_that_differ);
    insert into {{ model.audited }}
    select * from {{ model.built }}
    where {{ part }} in (select parts_that_differ.part from parts_that_differ);
    drop table parts_that_differ;
{%- endmacro %}
