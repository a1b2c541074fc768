"""The guard against shrinkage: how much a table may lose from one read to the next. A source that suddenly has far fewer rows has failed,
more likely than deleted them, so the table stops until somebody says otherwise. `min_retained_share` of a table's declaration is the
threshold."""

MAY_VANISH_ROWS = 2  # of a database's table, whatever share of it they are; but not all of them


def has_shrunk(rows: int, before: int, min_retained_share: float, may_vanish: int = 0) -> bool:
    """Whether `rows` are too few after `before`."""
    lost = before - rows
    return rows < min_retained_share * before and (lost > may_vanish or rows == 0)


def if_right(source: str) -> str:
    """What to do when the rows are gone on purpose."""
    return f"If that is right: ingest {source} --allow-deletes"
