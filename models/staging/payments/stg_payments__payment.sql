with

source as (

    select * from {{ source('payments', 'payments') }}
    where {{ in_complete_load('payments') }}

),

latest as (

    {{ latest_version('source', key='id') }}

),

unpacked as (

    select
        -- keys
        id as payment_id,
        {{ safe_integer(json_text('record', ['order', 'id'])) }} as order_id,

        -- attributes
        {{ json_text('record', ['method', 'type']) }} as payment_method,
        {{ json_text('record', ['method', 'card', 'brand']) }} as card_brand,
        {{ json_text('record', ['status']) }} as payment_status,
        {{ json_text('record', ['amount', 'currency']) }} as currency,

        -- measures
        {{ safe_decimal(json_text('record', ['amount', 'value']), 18, 2) }} as amount,

        -- times
        {{ safe_timestamp(json_text('record', ['created_at'])) }} as created_at,
        updated_at,

        -- lineage
        _dlt_load_id
    from latest

)

select * from unpacked
