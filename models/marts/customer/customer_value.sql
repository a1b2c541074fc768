-- Recency, frequency and monetary value as quintiles: 5 is the best fifth, and equal customers share
-- one, so fifths of a small number (of orders, of days) are not equally large. Recency counts to the last day
-- on which anything was sold, not to today, so that yesterday's data gives yesterday's answer.
with

sales as (

    select * from {{ ref('fact_sales') }}
    where order_status <> 'cancelled'

),

customers as (

    select * from {{ ref('dim_customer') }}
    where is_current

),

last_day as (

    select max(ordered_on) as as_of_on from sales

),

totals as (

    select
        customer_id,
        count(distinct order_id) as orders,
        {{ as_decimal('coalesce(sum(net_amount), 0)') }} as revenue,
        {{ as_decimal('sum(refunded_amount)') }} as refunded_amount,
        min(ordered_on) as first_ordered_on,
        max(ordered_on) as last_ordered_on
    from sales
    group by customer_id

),

dated as (

    select
        totals.*,
        last_day.as_of_on
    from totals
    cross join last_day

),

measured as (

    select
        *,
        cast({{ dbt.datediff('last_ordered_on', 'as_of_on', 'day') }} as integer) as recency_days
    from dated

),

ranked as (

    select
        -- keys
        measured.customer_id,

        -- attributes
        coalesce(customers.segment, 'Unknown') as segment,
        coalesce(customers.city, 'Unknown') as city,
        coalesce(customers.is_deleted, false) as is_deleted,

        -- measures
        measured.orders,
        measured.revenue,
        measured.refunded_amount,
        {{ as_decimal('measured.revenue - measured.refunded_amount') }} as lifetime_value,
        measured.recency_days,
        cast(least(5, 1 + floor(5 * percent_rank() over (order by measured.recency_days desc))) as integer) as recency_quintile,
        cast(least(5, 1 + floor(5 * percent_rank() over (order by measured.orders))) as integer) as frequency_quintile,
        cast(least(5, 1 + floor(5 * percent_rank() over (order by measured.revenue))) as integer) as monetary_quintile,

        -- times
        measured.first_ordered_on,
        measured.last_ordered_on,
        measured.as_of_on
    from measured
    left join customers
        on measured.customer_id = customers.customer_id

)

select * from ranked
