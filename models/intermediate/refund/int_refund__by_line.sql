with

refunds as (

    select * from {{ ref('stg_payments__refund') }}
    where refund_status = 'succeeded'

),

lines as (

    select
        refunds.refund_id,
        {{ dbt.safe_cast(json_text('line.element', ['order_item_id']), 'bigint') }} as order_item_id,
        {{ dbt.safe_cast(json_text('line.element', ['amount']), 'decimal(18, 2)') }} as amount
    from refunds
    {{ json_elements('refunds.record', 'lines', 'line') }}

),

summed as (

    select
        -- keys
        order_item_id,

        -- measures
        cast(sum(amount) as decimal(18, 2)) as refunded_amount
    from lines
    group by order_item_id

)

select * from summed
