{{ config(**dimension_config('store')) }}

with

versions as (

    select * from {{ ref('snap_store') }}

),

orders as (

    select * from {{ ref('stg_shop__order') }}
    where not is_deleted

),

members as (

    {{ dimension_members('store', versions='versions', named_by='orders') }}

),

described as (

    select
        -- keys
        members.store_key,
        members.store_id,

        -- attributes
        coalesce(versions.store_name, 'Unknown') as store_name,
        coalesce(versions.city, 'Unknown') as city,
        coalesce(versions.region, 'Unknown') as region,
        coalesce(versions.is_deleted, false) as is_deleted,
        members.is_current,
        members.is_inferred,

        -- times
        versions.opened_on,
        members.valid_from,
        members.valid_to
    from members
    left join versions
        on members.store_key = versions.store_key

)

select * from described
