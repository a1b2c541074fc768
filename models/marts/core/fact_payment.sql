{{ config(**fact_config(key='transaction_id', day='occurred_on', dimensions=['customer_key', 'store_key'])) }}

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
        _dlt_load_id as source_load_ids
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
        _dlt_load_id as source_load_ids
    from refunds

),

-- A payment can come before its order, and an order can be deleted after its payment.
identified as (

    select
        transactions.*,
        orders.customer_id,
        orders.store_id,
        case
            when transactions.transaction_status = 'captured' then transactions.amount
            when transactions.transaction_status = 'succeeded' then -transactions.amount
            when transactions.amount is not null then 0
        end as net_amount
    from transactions
    left join orders
        on transactions.order_id = orders.order_id

),

payments_and_refunds as (

    {{ fact_rows(
        'identified', key='transaction_id', occurred_at='occurred_at',
        dimensions={'customer': 'customers', 'store': 'stores'},
        compare=['customer_id', 'store_id']
    ) }}

),

arranged as (

    select
        -- keys
        transaction_id,
        payment_id,
        order_id,
        {{ date_id(business_date('occurred_at')) }} as date_id,
        customer_key,
        store_key,
        customer_id,
        store_id,

        -- attributes
        transaction_type,
        payment_method,
        transaction_status,
        currency,
        amount is null as is_amount_missing,

        -- measures
        amount,
        {{ as_decimal('net_amount') }} as net_amount,

        -- times
        {{ business_date('occurred_at') }} as occurred_on,
        occurred_at,

        -- lineage
        source_load_ids
    from payments_and_refunds

)

select * from arranged
{{ sort_on_write(['occurred_on', 'transaction_id']) }}
