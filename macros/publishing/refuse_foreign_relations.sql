{#
  Fails when something that publishing did not make has the name of what it would make: it is not ours to replace.

  models: of `published_models`.   there: of `publication_catalogue`.   made: of `made_by_publishing`.
#}
{% macro refuse_foreign_relations(models, there, made) -%}
    {%- set wanted = [] -%}
    {%- if audited_relation('publications') | string not in there -%}
        {%- do wanted.append(published_relation('data_status')) -%}
    {%- endif -%}
    {%- for model in models if model.name not in made -%}
        {%- do wanted.extend([model.audited, model.published]) -%}
    {%- endfor -%}
    {%- set foreign = wanted | map('string') | select('in', there) | list -%}
    {%- if foreign -%}
        {{ exceptions.raise_compiler_error(
            'Not published, readers keep what they have: publishing did not make ' ~ foreign | join(', ')
            ~ ' and does not replace what it did not make. Rename or drop it, then build again.'
        ) }}
    {%- endif -%}
{%- endmacro %}
