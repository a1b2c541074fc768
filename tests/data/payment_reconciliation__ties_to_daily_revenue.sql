-- What was sold is the same in both marts, day by day.
with

reconciled as (

    select
        date,
        sold_amount
    from {{ ref('payment_reconciliation') }}

),

revenue as (

    select
        date,
        sum(revenue) as revenue
    from {{ ref('daily_revenue') }}
    group by date

),

compared as (

    select
        coalesce(reconciled.date, revenue.date) as date,
        coalesce(reconciled.sold_amount, 0) as sold_amount,
        coalesce(revenue.revenue, 0) as revenue
    from reconciled
    full outer join revenue
        on reconciled.date = revenue.date

)

select * from compared
where sold_amount <> revenue
