{#
  The names of the models whose table in `audited` and whose view in `published` publishing has made: a list. Nothing else in these
  schemas is ever replaced or dropped. They are recorded in `audited.publication_models`. In a warehouse that was last published
  before there was this record, they are the models that `data_status` names, which was made together with their views.

  there: of `publication_catalogue`.
#}
{% macro made_by_publishing(there) -%}
    {%- set recorded, publications = audited_relation('publication_models'), audited_relation('publications') -%}
    {%- if recorded | string in there -%}
        {{ return(run_query('select model from ' ~ recorded).columns[0].values() | list) }}
    {%- elif publications | string in there and published_relation('data_status') | string in there -%}
        {{ return(run_query(
            'select model from ' ~ published_relation('data_status')
            ~ ' where exists (select 1 from ' ~ publications ~ " where outcome = 'published')"
        ).columns[0].values() | list) }}
    {%- endif -%}
    {{ return([]) }}
{%- endmacro %}
