with

source as (

    select * from {{ source('shop', 'products') }}
    where {{ in_complete_load('shop') }}

),

category_spellings as (

    select * from {{ ref('category_spellings') }}

),

versions as (

    {{ deduplicate_versions('source', key='id') }}

),

cleaned as (

    select
        -- keys
        versions.id as product_id,
        {{ clean_text('versions.sku') }} as sku,

        -- attributes
        {{ clean_text('versions.name') }} as product_name,
        {{ clean_text('versions.category') }} as category_as_written,
        category_spellings.category,
        versions._deleted_at is not null as is_deleted,

        -- measures
        versions.price as list_price,

        -- times
        versions.created_at,
        versions.updated_at,
        versions._deleted_at as deleted_at,
        versions._changed_at as changed_at,

        -- lineage
        versions._dlt_load_id
    from versions
    left join category_spellings
        on {{ lower_text(clean_text('versions.category')) }} = category_spellings.spelling

)

select * from cleaned
