with

cases as (

    select
        case_name,
        {{ safe_decimal('numerator', 18, 2) }} as numerator,
        {{ safe_decimal('denominator', 18, 2) }} as denominator,
        {{ safe_integer('numerator') }} as whole_numerator,
        {{ safe_integer('denominator') }} as whole_denominator
    from {{ ref('divisions') }}

),

seen as (

    select
        case_name,
        {{ divide('numerator', 'denominator') }} as to_cents,
        {{ divide('whole_numerator', 'whole_denominator') }} as of_integers,
        {{ divide('numerator', 'denominator', scale=0) }} as to_whole
    from cases

)

select * from seen
