with

cases as (

    select
        case_name,
        {{ json_text(raw_json('record'), ['value']) }} as as_text
    from {{ ref('document_numbers') }}

),

seen as (

    select
        case_name,
        {{ safe_integer('as_text') }} as as_integer,
        {{ safe_decimal('as_text', 28, 9) }} as as_precise
    from cases

)

select * from seen
