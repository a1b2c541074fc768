-- Two timelines, the shop's of the product and the supplier's of what it lists under the same number, cut at each other's edges:
-- a row for each piece of time in which neither of them changed.
with

versions as (

    select * from {{ ref('stg_shop__product_version') }}

),

catalogue as (

    select * from {{ ref('stg_supplier__product') }}

),

-- Of two row versions of one point in time the one of the later load counts.
ranked as (

    select
        *,
        row_number() over (partition by product_id, changed_at order by {{ text_order('_dlt_load_id') }} desc) as load_rank
    from versions

),

products as (

    select
        *,
        coalesce(lead(changed_at) over (partition by product_id order by changed_at), {{ end_of_time() }}) as next_changed_at
    from ranked
    where load_rank = 1

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
            when catalogue.valid_from > products.changed_at then catalogue.valid_from
            else products.changed_at
        end as changed_at,

        -- lineage
        products._dlt_load_id,
        catalogue._dlt_load_id as _supplier_load_id
    from products
    left join catalogue
        on products.sku = catalogue.sku
        and products.changed_at < catalogue.valid_to
        and products.next_changed_at > catalogue.valid_from

)

select * from joined
