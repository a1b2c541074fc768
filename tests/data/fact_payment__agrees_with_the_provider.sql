-- The fact has the payments and refunds that the provider has, as staging gives them today: finds raw that lost rows, and code that
-- was changed without `--full-refresh`. Versions are compared by each build itself.
{{ config(meta={'advice': 'after a change of code: dbt build --full-refresh'}) }}

{% set columns = [
    'payment_id', 'order_id', 'transaction_type', 'payment_method', 'transaction_status', 'currency', 'is_amount_missing', 'amount', 'net_amount',
    'date_id', 'occurred_on', 'occurred_at',
] %}
with

transactions as (

    select
        payment_id as transaction_id,
        payment_id,
        order_id,
        'payment' as transaction_type,
        payment_method,
        payment_status as transaction_status,
        currency,
        amount,
        case when payment_status = 'captured' then amount when amount is not null then 0 end as net_amount,
        created_at as occurred_at
    from {{ ref('stg_payments__payment') }}

    union all

    select
        refund_id as transaction_id,
        payment_id,
        order_id,
        'refund' as transaction_type,
        cast(null as {{ dbt.type_string() }}) as payment_method,
        refund_status as transaction_status,
        currency,
        amount,
        case when refund_status = 'succeeded' then -amount when amount is not null then 0 end as net_amount,
        created_at as occurred_at
    from {{ ref('stg_payments__refund') }}

),

expected as (

    select
        *,
        amount is null as is_amount_missing,
        {{ date_id(business_date('occurred_at')) }} as date_id,
        {{ business_date('occurred_at') }} as occurred_on
    from transactions

),

found as (

    select * from {{ ref('fact_payment') }}

)

select coalesce(expected.transaction_id, found.transaction_id) as transaction_id
from expected
full outer join found
    on expected.transaction_id = found.transaction_id
where
    expected.transaction_id is null
    or found.transaction_id is null
    {% for column in columns -%}
        or expected.{{ column }} is distinct from found.{{ column }}
    {% endfor %}
