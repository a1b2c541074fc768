-- The fact has the payments and refunds that the provider has, as they are: finds raw that lost rows, and code that changed
-- without `--full-refresh`.
with

said as (

    select
        payment_id as transaction_id,
        order_id,
        payment_status as transaction_status,
        amount,
        created_at as occurred_at
    from {{ ref('stg_payments__payment') }}

    union all

    select
        refund_id as transaction_id,
        order_id,
        refund_status as transaction_status,
        amount,
        created_at as occurred_at
    from {{ ref('stg_payments__refund') }}

),

kept as (

    select * from {{ ref('fact_payment') }}
    where {{ on_any_day('occurred_on') }}

)

select coalesce(said.transaction_id, kept.transaction_id) as transaction_id
from said
full outer join kept
    on said.transaction_id = kept.transaction_id
where
    said.transaction_id is null
    or kept.transaction_id is null
    or said.order_id is distinct from kept.order_id
    or said.transaction_status is distinct from kept.transaction_status
    or said.amount is distinct from kept.amount
    or said.occurred_at is distinct from kept.occurred_at
