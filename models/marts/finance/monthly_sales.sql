with

sales as (

    select * from {{ ref('fact_sales') }}
    where order_status <> 'cancelled'

),

products as (

    select * from {{ ref('dim_product') }}

),

stores as (

    select * from {{ ref('dim_store') }}

),

monthly as (

    select
        cast({{ dbt.date_trunc('month', 'sales.ordered_on') }} as date) as month_on,
        products.category,
        sales.store_id,
        {{ as_decimal('coalesce(sum(sales.gross_amount), 0)') }} as gross_amount,
        {{ as_decimal('sum(sales.discount_amount)') }} as discount_amount,
        {{ as_decimal('coalesce(sum(sales.net_amount), 0)') }} as revenue,
        {{ as_decimal('sum(sales.refunded_amount)') }} as refunded_amount,
        count(distinct sales.order_id) as orders,
        cast(sum(sales.quantity) as bigint) as units
    from sales
    inner join products
        on sales.product_key = products.product_key
    group by 1, 2, 3

),

named as (

    select
        -- keys
        monthly.month_on,
        monthly.category,
        monthly.store_id,

        -- attributes
        coalesce(stores.store_name, 'Unknown') as store_name,

        -- measures
        monthly.gross_amount,
        monthly.discount_amount,
        monthly.revenue,
        monthly.refunded_amount,
        monthly.orders,
        monthly.units
    from monthly
    left join stores
        on monthly.store_id = stores.store_id
        and stores.is_current

)

select * from named
