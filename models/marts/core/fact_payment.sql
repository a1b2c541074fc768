{{ config(**fact_config(key='transaction_id', day='occurred_on', dimensions=['customer_key', 'store_key'])) }}

-- Incremental as fact_sales is: by comparison with what the payments, orders and dimensions say now,
-- because a payment can come before its order, and an order can be deleted after its payment.

with

payments as (

    select * from {{ ref('stg_payments__payment') }}

),

refunds as (

    select * from {{ ref('stg_payments__refund') }}

),

orders as (

    select
        order_id,
        customer_id,
        store_id
    from {{ ref('stg_shop__order') }}
    where not is_deleted

),

customers as (

    select * from {{ ref('dim_customer') }}

),

stores as (

    select * from {{ ref('dim_store') }}

),

transactions as (

    select
        payment_id as transaction_id,
        payment_id,
        order_id,
        'payment' as transaction_type,
        payment_method,
        payment_status as transaction_status,
        currency,
        amount,
        created_at as occurred_at,
        _dlt_load_id
    from payments
    union all
    select
        refund_id as transaction_id,
        payment_id,
        order_id,
        'refund' as transaction_type,
        cast(null as {{ dbt.type_string() }}) as payment_method,
        refund_status as transaction_status,
        currency,
        amount,
        created_at as occurred_at,
        _dlt_load_id
    from refunds

),

identified as (

    select
        transactions.*,
        orders.customer_id,
        orders.store_id
    from transactions
    left join orders
        on transactions.order_id = orders.order_id

),

{% if is_incremental() %}

    known as (

        select * from {{ this }}

    ),

    changed as (

        select identified.*
        from identified
        left join known
            on identified.transaction_id = known.transaction_id
        left join customers
            on {{ valid_at('customers', 'customer_id', 'identified', 'occurred_at') }}
        left join stores
            on {{ valid_at('stores', 'store_id', 'identified', 'occurred_at') }}
        where
            known.transaction_id is null
            or known._dlt_load_id <> identified._dlt_load_id
            or known.customer_id is distinct from identified.customer_id
            or known.store_id is distinct from identified.store_id
            or known.customer_key <> coalesce(customers.customer_key, '-1')
            or known.store_key <> coalesce(stores.store_key, '-1')

    ),

{% else %}

    changed as (

        select * from identified

    ),

{% endif %}

moved as (

    select
        *,
        case
            when transaction_status = 'captured' then amount
            when transaction_status = 'succeeded' then -amount
            when amount is not null then 0
        end as moved_amount
    from changed

),

keyed as (

    select
        -- keys
        moved.transaction_id,
        moved.payment_id,
        moved.order_id,
        {{ date_id(business_date('moved.occurred_at')) }} as date_id,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(stores.store_key, '-1') as store_key,
        moved.customer_id,
        moved.store_id,

        -- attributes
        moved.transaction_type,
        moved.payment_method,
        moved.transaction_status,
        moved.currency,
        moved.amount is null as is_amount_missing,

        -- measures
        moved.amount,
        {{ as_decimal('moved.moved_amount') }} as net_amount,

        -- times
        {{ business_date('moved.occurred_at') }} as occurred_on,
        moved.occurred_at,

        -- lineage
        moved._dlt_load_id
    from moved
    left join customers
        on {{ valid_at('customers', 'customer_id', 'moved', 'occurred_at') }}
    left join stores
        on {{ valid_at('stores', 'store_id', 'moved', 'occurred_at') }}

)

select * from keyed
{{ written_in_order(['occurred_on', 'transaction_id']) }}
