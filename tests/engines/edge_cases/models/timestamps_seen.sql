with

cases as (

    select
        case_name,
        {{ safe_timestamp(written('written')) }} as as_timestamp
    from {{ ref('timestamps') }}

),

seen as (

    select
        case_name,
        as_timestamp,
        {{ epoch_microseconds('as_timestamp') }} as microseconds,
        {{ business_date('as_timestamp') }} as business_date
    from cases

)

select * from seen
