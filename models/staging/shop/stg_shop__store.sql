with

source as (

    select * from {{ source('shop', 'stores') }}
    where {{ in_complete_load('shop') }}

),

latest as (

    {{ latest_version('source', key='id', cursor='updated_at') }}

),

cleaned as (

    select
        -- keys
        id as store_id,

        -- attributes
        {{ clean_text('name') }} as store_name,
        {{ clean_text('city') }} as city,
        {{ clean_text('region') }} as region,
        _deleted_at is not null as is_deleted,

        -- times
        opened_on,
        created_at,
        updated_at,
        _deleted_at as deleted_at,
        last_changed_at as changed_at,

        -- lineage
        _dlt_load_id
    from latest

)

select * from cleaned
