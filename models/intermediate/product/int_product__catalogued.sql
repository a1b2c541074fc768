with

products as (

    select * from {{ ref('stg_shop__product') }}

),

catalogue as (

    select * from {{ ref('stg_supplier__product') }}

),

joined as (

    select
        -- keys
        products.product_id,
        products.sku,

        -- attributes
        products.product_name,
        catalogue.brand,
        coalesce(products.category, catalogue.category, 'Unknown') as category,
        catalogue.pack_size,
        products.is_deleted or coalesce(not catalogue.is_listed, false) as is_deleted,

        -- measures
        products.list_price,
        catalogue.unit_cost,

        -- times
        case
            when catalogue.changed_at > products.changed_at then catalogue.changed_at
            else products.changed_at
        end as changed_at
    from products
    left join catalogue
        on products.sku = catalogue.sku

)

select * from joined
