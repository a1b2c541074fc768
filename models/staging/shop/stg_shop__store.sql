with

versions as (

    select * from {{ ref('stg_shop__store_version') }}

),

latest as (

    {{ latest_version('versions', key='store_id', changed_at='changed_at') }}

),

selected as (

    select
        -- keys
        store_id,

        -- attributes
        store_name,
        city,
        region,
        is_deleted,

        -- times
        opened_on,
        created_at,
        updated_at,
        deleted_at,
        changed_at,

        -- lineage
        _dlt_load_id
    from latest

)

select * from selected
