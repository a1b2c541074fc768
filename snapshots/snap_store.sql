{{ config(**history_config('store')) }}

{%- set tracked = ['store_name', 'city', 'region', 'opened_on', 'is_deleted'] -%}
{%- set overwritten = ['created_at'] %}

with

told as (

    select * from {{ ref('stg_shop__store_version') }}
    {% if is_incremental() %}
        where store_id in ({{ changed_members(ref('stg_shop__store_version'), 'store', tracked, overwritten) }})
    {% endif %}

),

versions as (

    {{ history('told', 'store', tracked, overwritten) }}

)

select * from versions
