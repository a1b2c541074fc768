{{ config(**history_config('customer')) }}

{%- set tracked = ['full_name', 'email', 'phone', 'city', 'segment', 'is_deleted'] -%}
{%- set overwritten = ['created_at'] %}

with

told as (

    select * from {{ ref('stg_shop__customer_version') }}
    {% if is_incremental() %}
        where customer_id in ({{ changed_members(ref('stg_shop__customer_version'), 'customer', tracked, overwritten) }})
    {% endif %}

),

versions as (

    {{ history('told', 'customer', tracked, overwritten) }}

)

select * from versions
