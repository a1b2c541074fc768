-- Tukey's rule: a value further than one and a half inter-quartile ranges from the nearer quartile is an
-- outlier (J. W. Tukey, Exploratory Data Analysis, 1977). Outliers are shown here; nothing leaves the facts.
with

sales as (

    select * from {{ ref('fact_sales') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

categorised as (

    select
        sales.*,
        products.category
    from sales
    inner join products
        on sales.product_key = products.product_key

),

quartiles as (

    select
        category,
        percentile_cont(0.25) within group (order by unit_price) as first_price,
        percentile_cont(0.75) within group (order by unit_price) as third_price,
        percentile_cont(0.25) within group (order by quantity) as first_quantity,
        percentile_cont(0.75) within group (order by quantity) as third_quantity
    from categorised
    group by category

),

bounds as (

    select
        category,
        cast(first_price - 1.5 * (third_price - first_price) as decimal(18, 2)) as lower_price,
        cast(third_price + 1.5 * (third_price - first_price) as decimal(18, 2)) as upper_price,
        cast(first_quantity - 1.5 * (third_quantity - first_quantity) as decimal(18, 2)) as lower_quantity,
        cast(third_quantity + 1.5 * (third_quantity - first_quantity) as decimal(18, 2)) as upper_quantity
    from quartiles

),

flagged as (

    select
        -- keys
        categorised.order_item_id,
        categorised.order_id,
        categorised.date_id,
        categorised.product_key,

        -- attributes
        categorised.category,
        coalesce(categorised.unit_price < bounds.lower_price or categorised.unit_price > bounds.upper_price, false)
            as is_price_outlier,
        categorised.quantity < bounds.lower_quantity or categorised.quantity > bounds.upper_quantity
            as is_quantity_outlier,

        -- measures
        categorised.unit_price,
        bounds.lower_price,
        bounds.upper_price,
        categorised.quantity,
        bounds.lower_quantity,
        bounds.upper_quantity,

        -- times
        categorised.ordered_at
    from categorised
    inner join bounds
        on categorised.category = bounds.category

),

outliers as (

    select * from flagged
    where is_price_outlier or is_quantity_outlier

)

select * from outliers
