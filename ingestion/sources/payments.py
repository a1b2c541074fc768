"""The payments provider: a REST API with a bearer token, pages by cursor, and `updated_since`.

Settings: sources.payments.base_url, api_token, and if need be lookback_hours.
"""

from ingestion.connectors.rest_api import CursorPages, Endpoint, RestApiSource
from ingestion.connectors.tables import Field

# What staging reads of both; a field that the provider renames gets its new name in `renamed` of its endpoint.
COMMON = (
    Field("order.id", "integer"),
    Field("amount.value", "decimal(18, 2)"),
    Field("amount.currency"),
    Field("status"),
    Field("created_at", "timestamp"),
    Field("updated_at", "timestamp"),
)
ENDPOINTS = (
    Endpoint(
        "payments",
        "v1/payments",
        fields=(*COMMON, Field("method.type"), Field("method.card.brand", required=False)),
    ),
    Endpoint(
        "refunds",
        "v1/refunds",
        fields=(
            *COMMON,
            Field("payment.id"),
            Field("reason"),
            Field("lines[].order_item_id", "integer"),
            Field("lines[].amount", "decimal(18, 2)"),
        ),
    ),
)

SOURCE = RestApiSource(
    tables=ENDPOINTS,
    auth="bearer",
    pages=CursorPages(next_cursor="next_cursor", parameter="cursor"),
    params={"limit": 500},
)
