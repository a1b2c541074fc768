with

cases as (

    select
        case_name,
        id,
        {{ as_timestamp('valid_from') }} as valid_from
    from {{ ref('keys') }}

),

seen as (

    select
        case_name,
        {{ surrogate_key('id', 'valid_from') }} as version_key
    from cases

)

select * from seen
