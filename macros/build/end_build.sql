{# The last hook of every run: the next build need not ask whether this one was killed (`begin_build`). #}
{% macro end_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry') -%}
        {{ adapter.dispatch('end_build')() }}
    {%- endif -%}
{%- endmacro %}

{% macro default__end_build() -%}
{%- endmacro %}

{% macro postgres__end_build() -%}
    update {{ audited_relation('build') }} set ended_at = now() where build_id = '{{ invocation_id }}';
    analyze {{ audited_relation('build') }};
    commit
{%- endmacro %}
