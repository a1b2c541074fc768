with

source as (

    select * from {{ source('payments', 'refunds') }}
    where {{ in_complete_load('payments') }}

),

latest as (

    {{ latest_version('source', key='id') }}

),

unpacked as (

    select
        -- keys
        id as refund_id,
        {{ json_text('record', ['payment', 'id']) }} as payment_id,
        {{ safe_integer(json_text('record', ['order', 'id'])) }} as order_id,

        -- attributes
        {{ json_text('record', ['reason']) }} as refund_reason,
        {{ json_text('record', ['status']) }} as refund_status,
        {{ json_text('record', ['amount', 'currency']) }} as currency,
        record,

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
