{# The last hook of every run: records that this build ended, so that the next one need not look for its sessions (`begin_build`). #}
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
