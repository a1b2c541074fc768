with

source as (

    select * from {{ source('calendar', 'holidays') }}
    where {{ in_complete_load('calendar') }}

),

-- A year that changed in the library lands again whole, so its last load is all there is of it: a holiday
-- that was withdrawn is not in it.
ranked as (

    select
        date as holiday_on,
        name as holiday_name,
        dense_rank() over (
            partition by country, extract(year from date) order by {{ text_order('_dlt_load_id') }} desc
        ) as load_rank
    from source

),

-- Two holidays can share a date; a date has one row, which names both.
named as (

    select distinct
        holiday_on,
        holiday_name
    from ranked
    where load_rank = 1

),

grouped as (

    select
        holiday_on,
        {{ dbt.listagg('holiday_name', "', '", 'order by ' ~ text_order('holiday_name')) }} as holiday_name
    from named
    group by holiday_on

)

select * from grouped
