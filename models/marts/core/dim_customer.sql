{{ config(**dimension_config('customer')) }}

with

versions as (

    select * from {{ ref('snap_customer') }}

),

orders as (

    select * from {{ ref('stg_shop__order') }}
    where not is_deleted

),

members as (

    {{ dimension_members('customer', versions='versions', named_by='orders') }}

),

described as (

    select
        -- keys
        members.customer_key,
        members.customer_id,

        -- attributes
        coalesce(versions.full_name, 'Unknown') as full_name,
        versions.email,
        versions.phone,
        coalesce(versions.city, 'Unknown') as city,
        coalesce(versions.segment, 'Unknown') as segment,
        coalesce(versions.is_deleted, false) as is_deleted,
        members.is_current,
        members.is_inferred,

        -- times
        members.valid_from,
        members.valid_to
    from members
    left join versions
        on members.customer_key = versions.customer_key

)

select * from described
