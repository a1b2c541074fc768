with

sales as (

    select * from {{ ref('fact_sales') }}
    where order_status <> 'cancelled'

),

stores as (

    select * from {{ ref('dim_store') }}

),

daily as (

    select
        ordered_on,
        date_id,
        store_id,
        channel,
        {{ as_decimal('coalesce(sum(net_amount), 0)') }} as revenue,
        {{ as_decimal('sum(refunded_amount)') }} as refunded_amount,
        count(distinct order_id) as orders,
        cast(sum(quantity) as bigint) as units,
        count(distinct customer_id) as unique_customers,
        sum(case when is_amount_missing then 1 else 0 end) as lines_without_amount
    from sales
    group by ordered_on, date_id, store_id, channel

),

compared as (

    select
        -- keys
        daily.date_id,
        daily.store_id,
        daily.channel,

        -- attributes
        daily.ordered_on as date,
        coalesce(stores.store_name, 'Unknown') as store_name,

        -- measures
        daily.revenue,
        daily.refunded_amount,
        daily.orders,
        daily.units,
        daily.unique_customers,
        {{ as_decimal(divide('daily.revenue', 'daily.orders')) }} as average_order_value,
        week_before.revenue as revenue_week_before,
        {{ as_decimal('daily.revenue - week_before.revenue') }} as revenue_change,
        cast(daily.lines_without_amount as bigint) as lines_without_amount
    from daily
    left join daily as week_before
        on daily.store_id = week_before.store_id
        and daily.channel = week_before.channel
        and daily.ordered_on = cast({{ dbt.dateadd('day', 7, 'week_before.ordered_on') }} as date)
    left join stores
        on daily.store_id = stores.store_id
        and stores.is_current

)

select * from compared
