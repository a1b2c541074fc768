"""The payments provider: a REST API with a bearer token, pages by cursor, and `updated_since`.

Settings: sources.payments.base_url, api_token, and if need be lookback_hours.
"""

from collections.abc import Sequence

import pyarrow

from ingestion.api import CursorPages, Endpoint, read_endpoints, replayed
from ingestion.context import Context
from ingestion.contract import Field, Quarantined
from ingestion.settings import setting

# What staging reads of both; a field that the provider renames gets its new name in `renamed` of its endpoint.
COMMON = (
    Field("order.id", "integer"),
    Field("amount.value", "decimal(18, 2)"),
    Field("amount.currency"),
    Field("status"),
    Field("created_at", "instant"),
    Field("updated_at", "instant"),
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


def source(context: Context) -> list:
    """Payments and refunds that changed since the last load."""
    token = setting("sources.payments.api_token")
    context.secrets.add(token)
    client = {
        "base_url": setting("sources.payments.base_url"),
        "auth": {"type": "bearer", "token": token},
        "paginator": CursorPages(next_cursor="next_cursor", parameter="cursor"),
    }
    return read_endpoints(
        context,
        client,
        ENDPOINTS,
        params={"limit": 500},
    )


def replay(context: Context, table: str, rows: Sequence[Quarantined]) -> tuple[pyarrow.Table | None, dict[str, str]]:
    """Quarantined payments and refunds, under today's contract."""
    return replayed(context, ENDPOINTS, table, rows)
