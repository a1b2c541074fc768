with

source as (

    select * from {{ source('shop', 'order_items') }}
    where {{ in_complete_load('shop') }}

),

latest as (

    {{ latest_version('source', key='id') }}

),

cleaned as (

    select
        -- keys
        id as order_item_id,
        order_id,
        product_id,

        -- attributes
        cast(line_number as integer) as line_number,
        unit_price is null as is_amount_missing,
        _deleted_at is not null as is_deleted,

        -- measures
        cast(quantity as integer) as quantity,
        unit_price,
        {{ as_decimal('quantity * unit_price') }} as gross_amount,
        {{ as_decimal('discount_amount') }} as discount_amount,
        {{ as_decimal('quantity * unit_price - discount_amount') }} as net_amount,

        -- times
        updated_at,
        _deleted_at as deleted_at,

        -- lineage
        _dlt_load_id
    from latest

)

select * from cleaned
