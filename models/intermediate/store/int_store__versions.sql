{{ history(
    ref('stg_shop__store_version'), 'store',
    tracked=['store_name', 'city', 'region', 'opened_on', 'is_deleted'],
    overwritten=['created_at']
) }}
