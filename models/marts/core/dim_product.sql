{{ config(**dimension_config('product')) }}

with

snapshot_rows as (

    select * from {{ ref('snap_product') }}

),

versions as (

    {{ history('snapshot_rows', id='product_id') }}

),

members as (

    select
        -- keys
        version_key as product_key,
        product_id,
        sku,

        -- attributes
        coalesce(product_name, 'Unknown') as product_name,
        coalesce(brand, 'Unknown') as brand,
        category,
        pack_size,
        is_deleted,
        is_current,

        -- measures
        list_price,
        unit_cost,

        -- times
        valid_from,
        valid_to
    from versions

),

unknown_member as (

    select
        '-1' as product_key,
        cast(-1 as bigint) as product_id,
        cast(null as {{ dbt.type_string() }}) as sku,
        'Unknown' as product_name,
        'Unknown' as brand,
        'Unknown' as category,
        cast(null as integer) as pack_size,
        false as is_deleted,
        true as is_current,
        {{ as_decimal('null', 12, 2) }} as list_price,
        {{ as_decimal('null', 12, 2) }} as unit_cost,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to

),

unioned as (

    select * from members
    union all
    select * from unknown_member

)

select * from unioned
