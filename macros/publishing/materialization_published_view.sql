{#
  The materialization of `data_status`. Its node has no parents, so it runs whatever fails: readers have the view from the first build on. An existing
  view stays as it is, because it lists the models that were published: only a publication replaces it (`create_published_views`).
#}
{% materialization published_view, default %}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main') -%}
        {%- if existing is none -%}
            {{ create_publication_tables({'there': publication_catalogue([]), 'made': [], 'models': []}) }}
            create view {{ this }} as
            {{ sql }}
        {%- else -%}
            {{ empty_result() }}
        {%- endif -%}
    {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}
