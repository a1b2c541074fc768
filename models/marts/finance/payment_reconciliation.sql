-- What was sold on a day against what was paid for that day's orders, whenever the money moved: only so
-- is every difference somebody's mistake, and not a payment that cleared after midnight.
with

sales as (

    select * from {{ ref('fact_sales') }}

),

transactions as (

    select * from {{ ref('fact_payment') }}

),

sold_orders as (

    select
        order_id,
        ordered_on,
        cast(coalesce(sum(net_amount), 0) as decimal(18, 2)) as sold_amount,
        sum(case when is_amount_missing then 1 else 0 end) as lines_without_amount
    from sales
    group by order_id, ordered_on

),

paid_orders as (

    select
        order_id,
        min(occurred_on) as first_occurred_on,
        cast(coalesce(sum(case when transaction_status = 'captured' then amount end), 0) as decimal(18, 2)) as paid_amount,
        cast(coalesce(sum(case when transaction_status = 'succeeded' then amount end), 0) as decimal(18, 2))
            as refunded_amount
    from transactions
    group by order_id

),

matched as (

    select
        coalesce(sold_orders.ordered_on, paid_orders.first_occurred_on) as date,
        coalesce(sold_orders.sold_amount, 0) as sold_amount,
        coalesce(paid_orders.paid_amount, 0) as paid_amount,
        coalesce(paid_orders.refunded_amount, 0) as refunded_amount,
        coalesce(paid_orders.paid_amount, 0) - coalesce(sold_orders.sold_amount, 0) as difference_amount,
        coalesce(sold_orders.lines_without_amount, 0) as lines_without_amount,
        case
            when sold_orders.order_id is null then 'unmatched'
            when coalesce(paid_orders.paid_amount, 0) = 0 then 'unpaid'
            when sold_orders.lines_without_amount > 0 then 'missing'
            else 'unexplained'
        end as reason
    from sold_orders
    full outer join paid_orders
        on sold_orders.order_id = paid_orders.order_id

),

daily as (

    select
        -- keys
        {{ date_id('date') }} as date_id,

        -- attributes
        date,

        -- measures
        cast(sum(sold_amount) as decimal(18, 2)) as sold_amount,
        cast(sum(paid_amount) as decimal(18, 2)) as paid_amount,
        cast(sum(refunded_amount) as decimal(18, 2)) as refunded_amount,
        cast(sum(difference_amount) as decimal(18, 2)) as difference_amount,
        cast(sum(case when reason = 'unmatched' then difference_amount else 0 end) as decimal(18, 2)) as unmatched_amount,
        cast(sum(case when reason = 'unpaid' then difference_amount else 0 end) as decimal(18, 2)) as unpaid_amount,
        cast(sum(case when reason = 'missing' then difference_amount else 0 end) as decimal(18, 2)) as missing_amount,
        cast(sum(case when reason = 'unexplained' then difference_amount else 0 end) as decimal(18, 2)) as unexplained_amount,
        cast(sum(lines_without_amount) as bigint) as lines_without_amount
    from matched
    group by date

)

select * from daily
