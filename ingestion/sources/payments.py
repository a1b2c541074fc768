"""The payments provider: a REST API with a bearer token, pages by cursor, and `updated_since`.

Settings: sources.payments.base_url, api_token, and if need be lookback_hours.
"""

from ingestion.api import CursorPages, Endpoint, read_endpoints
from ingestion.context import Context
from ingestion.settings import setting

ENDPOINTS = (
    Endpoint("payments", "v1/payments"),
    Endpoint("refunds", "v1/refunds"),
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
        lookback_hours=float(setting("sources.payments.lookback_hours", 48)),
    )
