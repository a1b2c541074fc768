{{
    config(**fact_config(
        key='order_item_id',
        day='ordered_on',
        dimensions=['customer_key', 'product_key', 'store_key'],
        gone="order_status = 'deleted'"
    ))
}}

-- A run rebuilds the lines that changed, found by comparison, never by event time:
--   1. lines of which another load than the one in this table told what holds now (of the line or of its order);
--   2. lines whose dimension versions or refunds are no longer what those tables say: a customer who
--      arrived after the order, a change that came late, a refund weeks later.
-- A deleted line arrives with the status 'deleted' and takes its row out (`gone`).

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
        orders.ordered_on,
        orders.ordered_at,
        -- Both loads, not the later: a load that completes after a younger one would hide behind it.
        orders._dlt_load_id || '+' || order_items._dlt_load_id as _dlt_load_id
    from order_items
    inner join orders
        on order_items.order_id = orders.order_id

),

{% if is_incremental() %}

    known as (

        select * from {{ this }}

    ),

    stale as (

        select known.order_item_id
        from known
        left join customers
            on {{ valid_at('customers', 'customer_id', 'known', 'ordered_at') }}
        left join products
            on {{ valid_at('products', 'product_id', 'known', 'ordered_at') }}
        left join stores
            on {{ valid_at('stores', 'store_id', 'known', 'ordered_at') }}
        left join refunds
            on known.order_item_id = refunds.order_item_id
        where
            known.customer_key <> coalesce(customers.customer_key, '-1')
            or known.product_key <> coalesce(products.product_key, '-1')
            or known.store_key <> coalesce(stores.store_key, '-1')
            or known.refunded_amount <> coalesce(refunds.refunded_amount, 0)

    ),

    changed as (

        select lines.*
        from lines
        left join known
            on lines.order_item_id = known.order_item_id
        where
            lines._dlt_load_id <> known._dlt_load_id
            or (known.order_item_id is null and lines.order_status <> 'deleted')
            or lines.order_item_id in (select stale.order_item_id from stale)

    ),

{% else %}

    changed as (

        select *
        from lines
        where order_status <> 'deleted'

    ),

{% endif %}

keyed as (

    select
        -- keys
        changed.order_item_id,
        changed.order_id,
        {{ date_id('changed.ordered_on') }} as date_id,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(products.product_key, '-1') as product_key,
        coalesce(stores.store_key, '-1') as store_key,
        changed.customer_id,
        changed.product_id,
        changed.store_id,

        -- attributes
        changed.channel,
        changed.order_status,
        changed.line_number,
        changed.is_amount_missing,

        -- measures
        changed.quantity,
        changed.unit_price,
        changed.gross_amount,
        changed.discount_amount,
        changed.net_amount,
        {{ as_decimal('coalesce(refunds.refunded_amount, 0)') }} as refunded_amount,

        -- times
        changed.ordered_on,
        changed.ordered_at,

        -- lineage
        changed._dlt_load_id
    from changed
    left join customers
        on {{ valid_at('customers', 'customer_id', 'changed', 'ordered_at') }}
    left join products
        on {{ valid_at('products', 'product_id', 'changed', 'ordered_at') }}
    left join stores
        on {{ valid_at('stores', 'store_id', 'changed', 'ordered_at') }}
    left join refunds
        on changed.order_item_id = refunds.order_item_id

)

select * from keyed
{{ written_in_order(['ordered_on', 'order_item_id']) }}
