{#
  A hook before every model, snapshot and seed: fails when another build has taken the place of this one (`begin_build`). A build that wants to
  take the place waits until the transaction of the hook is over, so no statement of the old build comes after the first of the new.
#}
{% macro check_build() -%}
    {{ adapter.dispatch('check_build')() }}
{%- endmacro %}

{% macro default__check_build() -%}
{%- endmacro %}

{% macro postgres__check_build() -%}
    do $$
    begin
        perform from {{ audited_relation('build') }} where build_id = '{{ invocation_id }}' for share;
        if not found then
            raise exception 'Another dbt build of these schemas has begun, so this one builds and publishes nothing more.';
        end if;
    end $$;
{%- endmacro %}
