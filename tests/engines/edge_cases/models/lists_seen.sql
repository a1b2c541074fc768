with

cases as (

    select
        case_name,
        {{ raw_json('record') }} as record
    from {{ ref('lists') }}

),

lines as (

    select
        cases.case_name,
        {{ safe_integer(json_text('line.element', ['id'])) }} as line_id,
        {{ safe_decimal(json_text('line.element', ['amount']), 18, 2) }} as amount
    from cases
    {{ json_elements('cases.record', 'lines', 'line') }}

),

counted as (

    select
        case_name,
        count(*) as elements,
        sum(amount) as amount,
        max(line_id) as largest_id
    from lines
    group by case_name

),

seen as (

    select
        cases.case_name,
        coalesce(counted.elements, 0) as elements,
        counted.amount,
        counted.largest_id
    from cases
    left join counted
        on cases.case_name = counted.case_name

)

select * from seen
