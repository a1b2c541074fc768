with

source as (

    select * from {{ source('calendar', 'holidays') }}
    where {{ in_complete_load('calendar') }}

),

-- Two holidays can share a date; a date has one row, which names both.
named as (

    select distinct
        country,
        date as holiday_on,
        name as holiday_name
    from source

),

grouped as (

    select
        holiday_on,
        {{ dbt.listagg('holiday_name', "', '", 'order by holiday_name') }} as holiday_name
    from named
    group by holiday_on

)

select * from grouped
