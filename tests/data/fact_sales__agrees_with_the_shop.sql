-- The fact has the lines that the shop has, as they are: finds raw that lost rows, and code that changed without `--full-refresh`.
with

said as (

    select
        order_items.order_item_id,
        orders.order_id,
        orders.order_status,
        orders.ordered_on,
        order_items.quantity,
        order_items.net_amount
    from {{ ref('stg_shop__order_item') }} as order_items
    inner join {{ ref('stg_shop__order') }} as orders
        on order_items.order_id = orders.order_id
    where
        not order_items.is_deleted
        and not orders.is_deleted

),

kept as (

    select * from {{ ref('fact_sales') }}
    where {{ on_any_day('ordered_on') }}

)

select coalesce(said.order_item_id, kept.order_item_id) as order_item_id
from said
full outer join kept
    on said.order_item_id = kept.order_item_id
where
    said.order_item_id is null
    or kept.order_item_id is null
    or said.order_id <> kept.order_id
    or said.order_status <> kept.order_status
    or said.ordered_on <> kept.ordered_on
    or said.quantity is distinct from kept.quantity
    or said.net_amount is distinct from kept.net_amount
