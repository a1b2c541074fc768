with

source as (

    select * from {{ source('shop', 'customers') }}
    where {{ in_complete_load('shop') }}

),

versions as (

    {{ deduplicate_versions('source', key='id') }}

),

cleaned as (

    select
        -- keys
        id as customer_id,

        -- attributes
        {{ clean_text('full_name') }} as full_name,
        {{ lower_text(clean_text('email')) }} as email,
        {{ clean_text('phone') }} as phone,
        {{ clean_text('city') }} as city,
        {{ clean_text('segment') }} as segment,
        _deleted_at is not null as is_deleted,

        -- times
        created_at,
        updated_at,
        _deleted_at as deleted_at,
        _changed_at as changed_at,

        -- lineage
        _dlt_load_id
    from versions

)

select * from cleaned
