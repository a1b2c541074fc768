"""A text file with delimiters is taken apart batch by batch, and gives the same lines whatever their size."""

import io
from collections.abc import Callable

import pytest

from ingestion.connectors.files import delimited
from ingestion.errors import ContractViolated

Found = tuple[list[tuple], dict[int, tuple[str, str]]]
HEADER = b"sku|name\n"
LINES = b"".join(b"%d|tea\n" % n if n % 7 else b"%d\n" % n for n in range(1, 30))
ODD = b'30|"two\nlines"\n31|"odd" quote\n32|"a ""b"""\n\n33|last\n'


@pytest.fixture(params=[60, 8_000_000], ids=["small batches", "one batch"])
def parse(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Found]:
    """The lines of a file as texts, and those that could not be taken apart."""
    monkeypatch.setattr(delimited, "BATCH", request.param)
    monkeypatch.setattr(delimited, "CHUNK", request.param // 7)

    def found(content: bytes) -> Found:
        rows, unparsed = [], {}
        with delimited.opened_text(io.BytesIO(content)) as text:
            for lines in text.lines("|"):
                rows += [tuple(row.values()) for row in lines.rows.to_pylist()]
                unparsed |= lines.unparsed
        return rows, unparsed

    return found


def test_lines_keep_their_numbers_and_quoted_line_breaks(parse):
    rows, unparsed = parse(b"\xef\xbb\xbf" + HEADER + LINES + ODD)
    right = [n for n in range(1, 34) if n % 7 or n > 28]
    right.remove(31)
    assert [number for *_, number in rows] == right
    assert rows[-3:] == [("30", "two\nlines", 30), ("32", 'a "b"', 32), ("33", "last", 33)]
    short = {n: (str(n), "it has 1 fields, not 2") for n in (7, 14, 21, 28)}
    assert unparsed == {**short, 31: ('31|"odd" quote', "there is text after a closing quote")}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(HEADER + LINES + "30|Thé\n".encode("latin-1"), "byte 0xE9 in line 31, as Latin-1", id="latin-1"),
        pytest.param(HEADER + LINES + "30|é".encode()[:-1], "byte 0xC3 in line 31", id="half a character"),
        pytest.param((HEADER + LINES).decode().encode("utf-16"), "it is UTF-16", id="utf-16"),
        pytest.param(HEADER + LINES + b'30|"open\n31|tea\n', "a quote that opens in line 30 never closes", id="open quote"),
    ],
)
def test_a_file_that_is_wrong_at_its_end_is_refused(parse, content, reason):
    with pytest.raises(ContractViolated, match=reason):
        parse(content)
