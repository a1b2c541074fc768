with

versions as (

    select * from {{ ref('stg_shop__customer_version') }}

),

latest as (

    {{ latest_version('versions', key='customer_id', changed_at='changed_at') }}

),

selected as (

    select
        -- keys
        customer_id,

        -- attributes
        full_name,
        email,
        phone,
        city,
        segment,
        is_deleted,

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
