-- No order was paid twice with the same amount. The money did move, so this warns, and readers see it in `data_status`: the customer is owed it.
{{ config(severity='warn') }}

with

transactions as (

    select * from {{ ref('fact_payment') }}
    where transaction_status = 'captured'

)

select
    order_id,
    amount,
    count(*) as number_of_payments
from transactions
group by order_id, amount
having count(*) > 1
