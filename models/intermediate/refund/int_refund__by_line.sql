with

refunds as (

    select * from {{ ref('stg_payments__refund') }}
    where refund_status = 'succeeded'

),

lines as (

    select
        refunds.refund_id,
        {{ safe_integer(json_text('line.element', ['order_item_id'])) }} as order_item_id,
        {{ safe_decimal(json_text('line.element', ['amount']), 18, 2) }} as amount
    from refunds
    {{ json_elements('refunds.record', 'lines', 'line') }}

),

summed as (

    select
        -- keys
        order_item_id,

        -- measures
        {{ as_decimal('sum(amount)') }} as refunded_amount
    from lines
    group by order_item_id

)

select * from summed
