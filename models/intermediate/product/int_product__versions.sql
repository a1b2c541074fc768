{{ history(
    ref('int_product__catalogued'), 'product',
    tracked=['sku', 'product_name', 'brand', 'category', 'pack_size', 'is_deleted', 'list_price', 'unit_cost'],
    loads=['_dlt_load_id', '_supplier_load_id']
) }}
