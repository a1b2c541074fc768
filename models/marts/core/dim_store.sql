{{ config(**dimension_config('store')) }}

with

snapshot_rows as (

    select * from {{ ref('snap_store') }}

),

versions as (

    {{ history('snapshot_rows', id='store_id') }}

),

members as (

    select
        -- keys
        version_key as store_key,
        store_id,

        -- attributes
        coalesce(store_name, 'Unknown') as store_name,
        coalesce(city, 'Unknown') as city,
        coalesce(region, 'Unknown') as region,
        is_deleted,
        is_current,

        -- times
        opened_on,
        valid_from,
        valid_to
    from versions

),

unknown_member as (

    select
        '-1' as store_key,
        cast(-1 as bigint) as store_id,
        'Unknown' as store_name,
        'Unknown' as city,
        'Unknown' as region,
        false as is_deleted,
        true as is_current,
        cast(null as date) as opened_on,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to

),

unioned as (

    select * from members
    union all
    select * from unknown_member

)

select * from unioned
