with

cases as (

    select
        case_name,
        {{ json_text(raw_json('record'), ['value']) }} as as_text
    from {{ ref('texts') }}

),

seen as (

    select
        case_name,
        as_text,
        {{ clean_text('as_text') }} as cleaned,
        {{ lower_text('as_text') }} as lowered,
        {{ dbt.hash('as_text') }} as hashed
    from cases

)

select * from seen
