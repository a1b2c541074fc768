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

    {{ dimension_members('product', versions='versions', named_by='order_items') }}

),

described as (

    select
        -- keys
        members.product_key,
        members.product_id,
        versions.sku,

        -- attributes
        coalesce(versions.product_name, 'Unknown') as product_name,
        coalesce(versions.brand, 'Unknown') as brand,
        coalesce(versions.category, 'Unknown') as category,
        versions.pack_size,
        coalesce(versions.is_deleted, false) as is_deleted,
        members.is_current,
        members.is_inferred,

        -- measures
        versions.list_price,
        versions.unit_cost,

        -- times
        members.valid_from,
        members.valid_to
    from members
    left join versions
        on members.product_key = versions.product_key

)

select * from described
