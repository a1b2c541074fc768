-- What was sold on a day against the money that moved for that day's orders, whenever it moved: so a
-- payment that cleared after midnight, or a refund weeks later, makes no difference, and what is left has
-- a reason. Expected is what was sold less what was refunded of it; of a cancelled order, nothing.
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
        order_status = 'cancelled' as is_cancelled,
        {{ as_decimal("coalesce(sum(case when order_status <> 'cancelled' then net_amount end), 0)") }} as sold_amount,
        {{ as_decimal("coalesce(sum(case when order_status <> 'cancelled' then refunded_amount end), 0)") }}
            as sold_refunded_amount,
        sum(case when is_amount_missing and order_status <> 'cancelled' then 1 else 0 end) as lines_without_amount
    from sales
    group by order_id, ordered_on, order_status

),

paid_orders as (

    select
        order_id,
        min(occurred_on) as first_occurred_on,
        {{ as_decimal("coalesce(sum(case when transaction_status = 'captured' then amount end), 0)") }} as paid_amount,
        {{ as_decimal("coalesce(sum(case when transaction_status = 'succeeded' then amount end), 0)") }}
            as refunded_amount
    from transactions
    group by order_id

),

matched as (

    select
        coalesce(sold_orders.ordered_on, paid_orders.first_occurred_on) as date,
        sold_orders.order_id is null as is_unmatched,
        coalesce(sold_orders.is_cancelled, false) as is_cancelled,
        coalesce(sold_orders.sold_amount, 0) as sold_amount,
        coalesce(sold_orders.sold_amount, 0) - coalesce(sold_orders.sold_refunded_amount, 0) as expected_amount,
        coalesce(paid_orders.paid_amount, 0) as paid_amount,
        coalesce(paid_orders.refunded_amount, 0) as refunded_amount,
        coalesce(sold_orders.lines_without_amount, 0) as lines_without_amount
    from sold_orders
    full outer join paid_orders
        on sold_orders.order_id = paid_orders.order_id

),

explained as (

    select
        *,
        paid_amount - refunded_amount - expected_amount as difference_amount,
        case
            when is_unmatched then 'unmatched'
            when is_cancelled then 'owed'
            when paid_amount = 0 then 'unpaid'
            when lines_without_amount > 0 then 'missing'
            else 'unexplained'
        end as reason
    from matched

),

daily as (

    select
        -- keys
        {{ date_id('date') }} as date_id,

        -- attributes
        date,

        -- measures
        {{ as_decimal('sum(sold_amount)') }} as sold_amount,
        {{ as_decimal('sum(paid_amount)') }} as paid_amount,
        {{ as_decimal('sum(refunded_amount)') }} as refunded_amount,
        {{ as_decimal('sum(expected_amount)') }} as expected_amount,
        {{ as_decimal('sum(difference_amount)') }} as difference_amount,
        {{ as_decimal("sum(case when reason = 'unmatched' then difference_amount else 0 end)") }} as unmatched_amount,
        {{ as_decimal("sum(case when reason = 'owed' then difference_amount else 0 end)") }} as owed_amount,
        {{ as_decimal("sum(case when reason = 'unpaid' then difference_amount else 0 end)") }} as unpaid_amount,
        {{ as_decimal("sum(case when reason = 'missing' then difference_amount else 0 end)") }} as missing_amount,
        {{ as_decimal("sum(case when reason = 'unexplained' then difference_amount else 0 end)") }} as unexplained_amount,
        cast(sum(lines_without_amount) as bigint) as lines_without_amount
    from explained
    group by date

)

select * from daily
