-- Places by dense_rank, so that two texts that an engine takes for equal share one and are noticed.
with

cases as (

    select
        case_name,
        {{ json_text(raw_json('record'), ['value']) }} as as_text
    from {{ ref('orders') }}

),

compared as (

    select
        cases.case_name,
        count(*) as texts_before
    from cases
    inner join cases as others
        on {{ text_order('others.as_text') }} < {{ text_order('cases.as_text') }}
    group by cases.case_name

),

seen as (

    select
        cases.case_name,
        dense_rank() over (order by {{ text_order('cases.as_text') }} asc nulls last) as place,
        dense_rank() over (order by {{ text_order('cases.as_text') }} desc nulls last) as place_from_the_end,
        coalesce(compared.texts_before, 0) as texts_before
    from cases
    left join compared
        on cases.case_name = compared.case_name

)

select * from seen
