-- No payment or refund is older than its order. One that is belongs to another order of the same id: the shop gave ids to others, as after
-- a restored backup. A minute is left to the clocks of the two systems.
with

transactions as (

    select * from {{ ref('fact_payment') }}

),

orders as (

    select
        order_id,
        ordered_at
    from {{ ref('stg_shop__order') }}
    where not is_deleted

)

select
    transactions.transaction_id,
    transactions.order_id,
    transactions.occurred_at,
    orders.ordered_at
from transactions
inner join orders
    on transactions.order_id = orders.order_id
where {{ epoch_microseconds('transactions.occurred_at') }} < {{ epoch_microseconds('orders.ordered_at') }} - 60000000
