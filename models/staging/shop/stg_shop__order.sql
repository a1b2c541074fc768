with

source as (

    select * from {{ source('shop', 'orders') }}
    where {{ in_complete_load('shop') }}

),

latest as (

    {{ latest_version('source', key='id') }}

),

cleaned as (

    select
        -- keys
        id as order_id,
        customer_id,
        store_id,

        -- attributes
        channel,
        status as order_status,
        _deleted_at is not null as is_deleted,

        -- times
        ordered_at,
        {{ business_date('ordered_at') }} as ordered_on,
        updated_at,
        _deleted_at as deleted_at,

        -- lineage
        _dlt_load_id
    from latest

)

select * from cleaned
