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

measures as (

    select
        category,
        'price' as measure,
        unit_price as value
    from categorised
    where unit_price is not null
    union all
    select
        category,
        'quantity' as measure,
        quantity as value
    from categorised

),

placed as (

    select
        category,
        measure,
        value,
        row_number() over (partition by category, measure order by value) - 1 as place,
        count(*) over (partition by category, measure) - 1 as last_place
    from measures

),

-- A quartile lies a quarter, or three, of the way to the last place, mostly between two places: it is made of both values
-- by how near they are, counted in quarters of a place. So it is exact; the engines' own functions are not all.
quartiles as (

    select
        category,
        measure,
        {{ as_decimal('sum(value * greatest(0, 4 - abs(4 * place - last_place)))') }} * 0.25 as first_quartile,
        {{ as_decimal('sum(value * greatest(0, 4 - abs(4 * place - 3 * last_place)))') }} * 0.25 as third_quartile
    from placed
    group by category, measure

),

fences as (

    select
        category,
        measure,
        {{ as_decimal('first_quartile - 1.5 * (third_quartile - first_quartile)') }} as lower_fence,
        {{ as_decimal('third_quartile + 1.5 * (third_quartile - first_quartile)') }} as upper_fence
    from quartiles

),

bounds as (

    select
        category,
        max(case when measure = 'price' then lower_fence end) as lower_price,
        max(case when measure = 'price' then upper_fence end) as upper_price,
        max(case when measure = 'quantity' then lower_fence end) as lower_quantity,
        max(case when measure = 'quantity' then upper_fence end) as upper_quantity
    from fences
    group by category

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
