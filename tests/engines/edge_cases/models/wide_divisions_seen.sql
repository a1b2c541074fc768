{{ config(enabled=not var('stand_in', false)) }}

with

cases as (

    select
        case_name,
        {{ safe_decimal('numerator', 18, 2) }} as numerator,
        {{ safe_decimal('denominator', 18, 2) }} as denominator
    from {{ ref('wide_divisions') }}

),

seen as (

    select
        case_name,
        {{ divide('numerator', 'denominator') }} as to_cents,
        {{ divide('numerator', 'denominator', scale=0) }} as to_whole
    from cases

)

select * from seen
