with

cases as (

    select
        case_name,
        {{ safe_instant(written('written')) }} as as_instant
    from {{ ref('instants') }}

),

seen as (

    select
        case_name,
        as_instant,
        {{ epoch_microseconds('as_instant') }} as microseconds,
        {{ business_date('as_instant') }} as business_date
    from cases

)

select * from seen
