{{ config(**history_config('product')) }}

{%- set tracked = ['sku', 'product_name', 'brand', 'category', 'pack_size', 'is_deleted', 'list_price', 'unit_cost'] -%}
{%- set loads = ['_dlt_load_id', '_supplier_load_id'] %}

with

catalogued as (

    select * from {{ ref('int_product__catalogued') }}

),

told as (

    select * from catalogued
    {% if is_incremental() %}
        where product_id in ({{ changed_members('catalogued', 'product', tracked) }})
    {% endif %}

),

versions as (

    {{ history('told', 'product', tracked, loads=loads) }}

)

select * from versions
