with

source as (

    select * from {{ source('shop', 'products') }}
    where {{ in_complete_load('shop') }}

),

category_spellings as (

    select * from {{ ref('category_spellings') }}

),

latest as (

    {{ latest_version('source', key='id', cursor='updated_at') }}

),

cleaned as (

    select
        -- keys
        latest.id as product_id,
        {{ clean_text('latest.sku') }} as sku,

        -- attributes
        {{ clean_text('latest.name') }} as product_name,
        {{ clean_text('latest.category') }} as category_as_written,
        category_spellings.category,
        latest._deleted_at is not null as is_deleted,

        -- measures
        latest.price as list_price,

        -- times
        latest.created_at,
        latest.updated_at,
        latest._deleted_at as deleted_at,
        latest.last_changed_at as changed_at,

        -- lineage
        latest._dlt_load_id
    from latest
    left join category_spellings
        on {{ lower_text(clean_text('latest.category')) }} = category_spellings.spelling

)

select * from cleaned
