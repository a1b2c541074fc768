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

    select
        -- keys
        store_key,
        store_id,

        -- attributes
        coalesce(store_name, 'Unknown') as store_name,
        coalesce(city, 'Unknown') as city,
        coalesce(region, 'Unknown') as region,
        is_deleted,
        is_current,
        false as is_inferred,

        -- times
        opened_on,
        valid_from,
        valid_to
    from versions

),

-- Members whose id facts name and of whom no source told anything yet, so that they can be counted and mended; and `-1`, for facts
-- that name none.
unknown as (

    select distinct
        {{ surrogate_key('orders.store_id', beginning_of_time()) }} as store_key,
        orders.store_id,
        true as is_inferred
    from orders
    left join versions
        on orders.store_id = versions.store_id
    where orders.store_id is not null and versions.store_id is null
    union all
    select
        '-1' as store_key,
        cast(-1 as bigint) as store_id,
        false as is_inferred

),

unknown_members as (

    select
        store_key,
        store_id,
        'Unknown' as store_name,
        'Unknown' as city,
        'Unknown' as region,
        false as is_deleted,
        true as is_current,
        is_inferred,
        cast(null as date) as opened_on,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to
    from unknown

),

unioned as (

    select * from members
    union all
    select * from unknown_members

)

select * from unioned
