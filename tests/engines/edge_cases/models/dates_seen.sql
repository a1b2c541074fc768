with

cases as (

    select
        case_name,
        {{ safe_date(written('written')) }} as as_date
    from {{ ref('dates') }}

),

seen as (

    select
        case_name,
        as_date,
        {{ date_id('as_date') }} as date_id,
        {{ iso_year('as_date') }} as iso_year,
        {{ iso_week('as_date') }} as iso_week,
        {{ iso_day_of_week('as_date') }} as iso_day,
        {{ business_midnight('as_date') }} as begins_at
    from cases

)

select * from seen
