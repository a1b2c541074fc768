{{ config(**dimension_config('customer')) }}

with

snapshot_rows as (

    select * from {{ ref('snap_customer') }}

),

versions as (

    {{ history('snapshot_rows', id='customer_id') }}

),

members as (

    select
        -- keys
        version_key as customer_key,
        customer_id,

        -- attributes
        coalesce(full_name, 'Unknown') as full_name,
        email,
        phone,
        coalesce(city, 'Unknown') as city,
        coalesce(segment, 'Unknown') as segment,
        is_deleted,
        is_current,

        -- times
        valid_from,
        valid_to
    from versions

),

unknown_member as (

    select
        '-1' as customer_key,
        cast(-1 as bigint) as customer_id,
        'Unknown' as full_name,
        cast(null as {{ dbt.type_string() }}) as email,
        cast(null as {{ dbt.type_string() }}) as phone,
        'Unknown' as city,
        'Unknown' as segment,
        false as is_deleted,
        true as is_current,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to

),

unioned as (

    select * from members
    union all
    select * from unknown_member

)

select * from unioned
