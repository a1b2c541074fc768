with

source as (

    select * from {{ source('shop', 'stores') }}
    where {{ in_complete_load('shop') }}

),

versions as (

    {{ deduplicate_versions('source', key='id') }}

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
        _changed_at as changed_at,

        -- lineage
        _dlt_load_id
    from versions

)

select * from cleaned
