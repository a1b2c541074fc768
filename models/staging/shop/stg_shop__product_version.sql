with

source as (

    select * from {{ source('shop', 'products') }}
    where {{ in_complete_load('shop') }}

),

category_spellings as (

    select * from {{ ref('category_spellings') }}

),

told as (

    {{ told_once('source', key='id') }}

),

cleaned as (

    select
        -- keys
        told.id as product_id,
        {{ clean_text('told.sku') }} as sku,

        -- attributes
        {{ clean_text('told.name') }} as product_name,
        {{ clean_text('told.category') }} as category_as_written,
        category_spellings.category,
        told._deleted_at is not null as is_deleted,

        -- measures
        told.price as list_price,

        -- times
        told.created_at,
        told.updated_at,
        told._deleted_at as deleted_at,
        told._changed_at as changed_at,

        -- lineage
        told._dlt_load_id
    from told
    left join category_spellings
        on {{ lower_text(clean_text('told.category')) }} = category_spellings.spelling

)

select * from cleaned
