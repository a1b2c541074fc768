with

sales as (

    select * from {{ ref('fact_sales') }}
    where order_status <> 'cancelled'

),

products as (

    select * from {{ ref('dim_product') }}
    where is_current

),

monthly as (

    select
        cast({{ dbt.date_trunc('month', 'ordered_on') }} as date) as month_on,
        product_id,
        {{ as_decimal('coalesce(sum(net_amount), 0)') }} as revenue,
        cast(sum(quantity) as bigint) as units
    from sales
    group by 1, 2

),

-- The id settles a tie, so that the same data always gives the same ten.
ranked as (

    select
        *,
        row_number() over (partition by month_on order by revenue desc, product_id asc) as revenue_rank,
        row_number() over (partition by month_on order by units desc, product_id asc) as units_rank
    from monthly

),

named as (

    select
        -- keys
        ranked.month_on,
        ranked.product_id,

        -- attributes
        coalesce(products.product_name, 'Unknown') as product_name,
        coalesce(products.category, 'Unknown') as category,
        ranked.revenue_rank <= 10 as is_top_by_revenue,
        ranked.units_rank <= 10 as is_top_by_units,

        -- measures
        ranked.revenue,
        ranked.units,
        cast(ranked.revenue_rank as integer) as revenue_rank,
        cast(ranked.units_rank as integer) as units_rank
    from ranked
    left join products
        on ranked.product_id = products.product_id
    where ranked.revenue_rank <= 10 or ranked.units_rank <= 10

)

select * from named
