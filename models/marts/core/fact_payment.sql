{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='transaction_id',
        on_schema_change='fail'
    )
}}

-- Incremental as fact_sales is: by load, and by comparison with what the orders and dimensions say now,
-- because a payment can come before its order.

with

payments as (

    select * from {{ ref('stg_payments__payment') }}

),

refunds as (

    select * from {{ ref('stg_payments__refund') }}

),

orders as (

    select * from {{ ref('stg_shop__order') }}
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
        refunds.refund_id as transaction_id,
        refunds.payment_id,
        refunds.order_id,
        'refund' as transaction_type,
        payments.payment_method,
        refunds.refund_status as transaction_status,
        refunds.currency,
        refunds.amount,
        refunds.created_at as occurred_at,
        refunds._dlt_load_id
    from refunds
    left join payments
        on refunds.payment_id = payments.payment_id

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

keyed as (

    select
        -- keys
        identified.transaction_id,
        identified.payment_id,
        identified.order_id,
        {{ date_id(business_date('identified.occurred_at')) }} as date_id,
        coalesce(customers.customer_key, '-1') as customer_key,
        coalesce(stores.store_key, '-1') as store_key,
        identified.customer_id,
        identified.store_id,

        -- attributes
        identified.transaction_type,
        identified.payment_method,
        identified.transaction_status,
        identified.currency,
        identified.amount is null as is_amount_missing,

        -- measures
        identified.amount,
        cast(case
            when identified.transaction_status = 'captured' then identified.amount
            when identified.transaction_status = 'succeeded' then -identified.amount
            when identified.amount is not null then 0
        end as decimal(18, 2)) as net_amount,

        -- times
        {{ business_date('identified.occurred_at') }} as occurred_on,
        identified.occurred_at,

        -- lineage
        identified._dlt_load_id
    from identified
    left join customers
        on {{ valid_at('customers', 'customer_id', 'identified', 'occurred_at') }}
    left join stores
        on {{ valid_at('stores', 'store_id', 'identified', 'occurred_at') }}

),

{% if is_incremental() %}

    known as (

        select * from {{ this }}

    ),

    changed as (

        select keyed.*
        from keyed
        left join known
            on keyed.transaction_id = known.transaction_id
        where
            known.transaction_id is null
            or keyed._dlt_load_id <> known._dlt_load_id
            or keyed.customer_key <> known.customer_key
            or keyed.store_key <> known.store_key
            or keyed.customer_id is distinct from known.customer_id
            or keyed.payment_method is distinct from known.payment_method

    )

{% else %}

    changed as (

        select * from keyed

    )

{% endif %}

select * from changed
