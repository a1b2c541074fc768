with

cases as (

    select
        case_name,
        {{ written('written') }} as written
    from {{ ref('numbers') }}

),

seen as (

    select
        case_name,
        {{ safe_integer('written') }} as as_integer,
        {{ safe_decimal('written', 18, 2) }} as as_money,
        {{ safe_decimal('written', 28, 9) }} as as_precise
    from cases

)

select * from seen
