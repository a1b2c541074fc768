with

cases as (

    select
        case_name,
        {{ raw_json('record') }} as record
    from {{ ref('documents') }}

),

seen as (

    select
        case_name,
        {{ json_text('record', ['value']) }} as at_top,
        {{ json_text('record', ['outer', 'inner']) }} as below
    from cases

)

select * from seen
