with

versions as (

    select * from {{ ref('stg_shop__product_version') }}

),

latest as (

    {{ latest_version('versions', key='product_id', changed_at='changed_at') }}

),

selected as (

    select
        -- keys
        product_id,
        sku,

        -- attributes
        product_name,
        category_as_written,
        category,
        is_deleted,

        -- measures
        list_price,

        -- times
        created_at,
        updated_at,
        deleted_at,
        changed_at,

        -- lineage
        _dlt_load_id
    from latest

)

select * from selected
