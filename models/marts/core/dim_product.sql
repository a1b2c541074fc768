{{ config(**dimension_config('product')) }}

with

versions as (

    select * from {{ ref('snap_product') }}

),

order_items as (

    select * from {{ ref('stg_shop__order_item') }}
    where not is_deleted

),

members as (

    select
        -- keys
        product_key,
        product_id,
        sku,

        -- attributes
        coalesce(product_name, 'Unknown') as product_name,
        coalesce(brand, 'Unknown') as brand,
        category,
        pack_size,
        is_deleted,
        is_current,
        false as is_inferred,

        -- measures
        list_price,
        unit_cost,

        -- times
        valid_from,
        valid_to
    from versions

),

-- Members whose id facts name and of whom no source told anything yet, so that they can be counted and mended; and `-1`, for facts
-- that name none.
unknown as (

    select distinct
        {{ surrogate_key('order_items.product_id', beginning_of_time()) }} as product_key,
        order_items.product_id,
        true as is_inferred
    from order_items
    left join versions
        on order_items.product_id = versions.product_id
    where order_items.product_id is not null and versions.product_id is null
    union all
    select
        '-1' as product_key,
        cast(-1 as bigint) as product_id,
        false as is_inferred

),

unknown_members as (

    select
        product_key,
        product_id,
        cast(null as {{ dbt.type_string() }}) as sku,
        'Unknown' as product_name,
        'Unknown' as brand,
        'Unknown' as category,
        cast(null as integer) as pack_size,
        false as is_deleted,
        true as is_current,
        is_inferred,
        {{ as_decimal('null', 12, 2) }} as list_price,
        {{ as_decimal('null', 12, 2) }} as unit_cost,
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
