-- From the first of January of the first year in which something was ordered or paid to the last day of the year after the last. The days are
-- staging's, not the facts': a fact that fails its tests must not take its calendar with it.
with

orders as (

    select ordered_on from {{ ref('stg_shop__order') }}
    where not is_deleted

),

payments as (

    select {{ business_date('created_at') }} as occurred_on from {{ ref('stg_payments__payment') }}

),

refunds as (

    select {{ business_date('created_at') }} as occurred_on from {{ ref('stg_payments__refund') }}

),

holidays as (

    select * from {{ ref('stg_calendar__holiday') }}

),

-- Each year has holidays: one without any was not loaded, and nobody knows which of its days are.
loaded_years as (

    select distinct cast(extract(year from holiday_on) as integer) as year
    from holidays

),

extremes as (

    select
        min(ordered_on) as first_on,
        max(ordered_on) as last_on
    from orders
    union all
    select
        min(occurred_on) as first_on,
        max(occurred_on) as last_on
    from payments
    union all
    select
        min(occurred_on) as first_on,
        max(occurred_on) as last_on
    from refunds

),

bounds as (

    select
        cast({{ dbt.date_trunc('year', 'min(first_on)') }} as date) as first_on,
        cast({{ dbt.dateadd('year', 2, dbt.date_trunc('year', 'max(last_on)')) }} as date) as end_on
    from extremes

),

numbers as (

    {{ dbt.generate_series(8192) }}

),

spine as (

    select cast({{ dbt.dateadd('day', 'cast(numbers.generated_number - 1 as integer)', 'bounds.first_on') }} as date) as date_on
    from numbers
    cross join bounds
    where cast({{ dbt.dateadd('day', 'cast(numbers.generated_number - 1 as integer)', 'bounds.first_on') }} as date) < bounds.end_on

),

described as (

    select
        -- keys
        {{ date_id('spine.date_on') }} as date_id,

        -- attributes
        spine.date_on as date,
        cast(extract(year from spine.date_on) as integer) as year,
        cast(extract(quarter from spine.date_on) as integer) as quarter,
        cast(extract(month from spine.date_on) as integer) as month,
        {{ iso_year('spine.date_on') }} as week_year,
        {{ iso_week('spine.date_on') }} as week,
        {{ iso_day_of_week('spine.date_on') }} as day_of_week,
        loaded_years.year is not null as is_year_loaded,
        holidays.holiday_name
    from spine
    left join holidays
        on spine.date_on = holidays.holiday_on
    left join loaded_years
        on cast(extract(year from spine.date_on) as integer) = loaded_years.year

),

named as (

    select
        date_id,
        date,
        year,
        quarter,
        month,
        week_year,
        week,
        day_of_week,
        case day_of_week
            when 1 then 'Monday'
            when 2 then 'Tuesday'
            when 3 then 'Wednesday'
            when 4 then 'Thursday'
            when 5 then 'Friday'
            when 6 then 'Saturday'
            when 7 then 'Sunday'
        end as day_name,
        case month
            when 1 then 'January'
            when 2 then 'February'
            when 3 then 'March'
            when 4 then 'April'
            when 5 then 'May'
            when 6 then 'June'
            when 7 then 'July'
            when 8 then 'August'
            when 9 then 'September'
            when 10 then 'October'
            when 11 then 'November'
            when 12 then 'December'
        end as month_name,
        day_of_week >= 6 as is_weekend,
        case when is_year_loaded then holiday_name is not null end as is_holiday,
        holiday_name
    from described

)

select * from named
