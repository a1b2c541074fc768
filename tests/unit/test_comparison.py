"""The comparison of the engines' rows and types: what counts as equal, and how a difference is shown."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from engines.differences import Difference, differing_columns, differing_rows
from engines.servers import Column

COLUMNS, KEY = ("id", "name", "amount"), ("id",)


def differences(**rows: list[tuple]) -> list[Difference]:
    """Between the rows of these engines."""
    return list(differing_rows("mart", COLUMNS, KEY, rows))


def test_equal_rows_are_equal_in_any_order():
    """The zeros of a decimal and the zone of a timestamp are no part of the value: 1.5 is 1.50, noon in Auckland midnight in UTC."""
    noon = datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=12)))
    dev, postgres = [(1, "a", Decimal("1.50")), (2, noon, None)], [(2, datetime(2026, 6, 1, tzinfo=UTC), None), (1, "a", Decimal("1.5"))]
    assert differences(dev=dev, postgres=postgres) == []


def test_a_value_that_differs_is_shown_with_its_key_and_column():
    cent = differences(dev=[(1, "a", Decimal("1.50")), (2, "b", None)], postgres=[(1, "a", Decimal("1.51")), (2, "b", None)])
    assert cent == [Difference("mart", "id=1", "amount", {"dev": "1.50", "postgres": "1.51"})]
    assert differences(dev=[(1, "a ", None)], postgres=[(1, "a", None)])[0].values == {"dev": "'a '", "postgres": "'a'"}
    assert differences(dev=[(1, "", None)], postgres=[(1, None, None)])[0].values == {"dev": "''", "postgres": "null"}


def test_a_missing_row_and_a_duplicate_row_are_shown():
    row = (1, "a", Decimal(1))
    for here, there in (([row], []), ([row, row], [row])):
        (difference,) = differences(dev=here, postgres=there, bigquery=here)
        assert difference.column == "(row)"
        assert difference.values == {"dev": "there", "postgres": "missing", "bigquery": "there"}


def test_types_and_nulls_are_compared():
    def columns(kind: str, is_nullable: bool = True) -> list[Column]:
        return [Column("amount", kind, is_nullable)]

    def differ(strict: bool = True, **found: list[Column]) -> list[str]:
        return [difference.column for difference in differing_columns("mart", found, strict)]

    money = {"dev": columns("DECIMAL(18,2)"), "postgres": columns("numeric(18,2)"), "bigquery": columns("NUMERIC(18, 2)")}
    assert differ(**money) == []
    assert differ(**money | {"postgres": columns("double precision")}) == ["amount: type"]
    assert differ(**money | {"postgres": columns("numeric")}) == ["amount: type"]
    assert differ(strict=False, **money | {"postgres": columns("numeric")}) == []
    assert differ(**money | {"bigquery": columns("NUMERIC(18, 2)", is_nullable=False)}) == ["amount: null"]
    assert differ(dev=columns("JSON"), postgres=columns("json"), bigquery=columns("STRING")) == []
    assert differ(dev=columns("VARCHAR"), postgres=columns("json"), bigquery=columns("STRING")) == ["amount: type"]
    assert differ(dev=columns("BIGINT"), postgres=[Column("total", "bigint", True)]) == ["(columns)"]
