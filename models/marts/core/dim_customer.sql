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

    select
        -- keys
        customer_key,
        customer_id,

        -- attributes
        coalesce(full_name, 'Unknown') as full_name,
        email,
        phone,
        coalesce(city, 'Unknown') as city,
        coalesce(segment, 'Unknown') as segment,
        is_deleted,
        is_current,
        false as is_inferred,

        -- times
        valid_from,
        valid_to
    from versions

),

-- Members whose id facts name and of whom no source told anything yet, so that they can be counted and mended; and `-1`, for facts
-- that name none.
unknown as (

    select distinct
        {{ surrogate_key('orders.customer_id', beginning_of_time()) }} as customer_key,
        orders.customer_id,
        true as is_inferred
    from orders
    left join versions
        on orders.customer_id = versions.customer_id
    where orders.customer_id is not null and versions.customer_id is null
    union all
    select
        '-1' as customer_key,
        cast(-1 as bigint) as customer_id,
        false as is_inferred

),

unknown_members as (

    select
        customer_key,
        customer_id,
        'Unknown' as full_name,
        cast(null as {{ dbt.type_string() }}) as email,
        cast(null as {{ dbt.type_string() }}) as phone,
        'Unknown' as city,
        'Unknown' as segment,
        false as is_deleted,
        true as is_current,
        is_inferred,
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
