-- A line that was deleted, or whose order was, arrives with the status 'deleted' and takes its row out.
{%- set deleted = "order_status = 'deleted'" %}

{{
    config(**fact_config(
        key='order_item_id',
        day='ordered_on',
        dimensions=['customer_key', 'product_key', 'store_key'],
        delete_when=deleted
    ))
}}

with

orders as (

    select * from {{ ref('stg_shop__order') }}

),

order_items as (

    select * from {{ ref('stg_shop__order_item') }}

),

refunds as (

    select * from {{ ref('int_refund__by_line') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

stores as (

    select * from {{ ref('dim_store') }}

),

lines as (

    select
        order_items.order_item_id,
        orders.order_id,
        orders.customer_id,
        order_items.product_id,
        orders.store_id,
        orders.channel,
        case
            when orders.is_deleted or order_items.is_deleted then 'deleted'
            else orders.order_status
        end as order_status,
        order_items.line_number,
        order_items.is_amount_missing,
        order_items.quantity,
        order_items.unit_price,
        order_items.gross_amount,
        order_items.discount_amount,
        order_items.net_amount,
        {{ as_decimal('coalesce(refunds.refunded_amount, 0)') }} as refunded_amount,
        orders.ordered_on,
        orders.ordered_at,
        -- Both loads, not the later: a load that completes after a younger one would hide behind it.
        orders._dlt_load_id || '+' || order_items._dlt_load_id as source_load_ids
    from order_items
    inner join orders
        on order_items.order_id = orders.order_id
    left join refunds
        on order_items.order_item_id = refunds.order_item_id

),

sales as (

    {{ fact_rows(
        'lines', key='order_item_id', occurred_at='ordered_at',
        dimensions={'customer': 'customers', 'product': 'products', 'store': 'stores'},
        compare=['refunded_amount'],
        delete_when=deleted
    ) }}

),

arranged as (

    select
        -- keys
        order_item_id,
        order_id,
        {{ date_id('ordered_on') }} as date_id,
        customer_key,
        product_key,
        store_key,
        customer_id,
        product_id,
        store_id,

        -- attributes
        channel,
        order_status,
        line_number,
        is_amount_missing,

        -- measures
        quantity,
        unit_price,
        gross_amount,
        discount_amount,
        net_amount,
        refunded_amount,

        -- times
        ordered_on,
        ordered_at,

        -- lineage
        source_load_ids
    from sales

)

select * from arranged
{{ sort_on_write(['ordered_on', 'order_item_id']) }}
