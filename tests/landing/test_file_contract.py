"""What happens when a supplier's files change: the table of files in docs/sources-that-change.md."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.landing import Landing, on

from ingestion.connectors.files import FilesSource
from ingestion.sources import supplier as supplier_source

HEADER = "sku|product_name|brand|category|unit_cost|pack_size\n"
FIELDS = "sku, product_name, brand, category, unit_cost, pack_size, line_number"


def lines(count: int, **changes: str) -> str:
    """Lines of a catalogue; `l7="…"` replaces line 7."""
    return "".join(changes.get(f"l{n}", f"S-{n}|Tea {n}|Moa|tea|{n}.20|6\n") for n in range(1, count + 1))


@pytest.fixture
def folder(changing: Landing, tmp_path: Path) -> Path:
    """The supplier's folder, with the catalogue of the first day."""
    folder = tmp_path / "files"
    folder.mkdir()
    changing.settings["SOURCES__SUPPLIER__BUCKET_URL"] = str(folder)
    (folder / "catalogue_2026-01-01.csv").write_text(HEADER + lines(10))
    return folder


@pytest.fixture
def change_catalogue(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the declaration of the catalogue."""

    def change(**changes: Any) -> None:
        monkeypatch.setattr(supplier_source, "SOURCE", FilesSource(tables=[replace(supplier_source.SOURCE.tables[0], **changes)]))

    return change


def catalogue(landing: Landing, day: int, columns: str = FIELDS) -> list[tuple]:
    """What raw holds of a day's file, as of its last load."""
    name = f"catalogue_2026-01-{day:02}.csv"
    last = f"(select max(_dlt_load_id) from raw_supplier.catalogue where file_name = '{name}')"
    return landing.query(
        f"select {columns} from raw_supplier.catalogue where file_name = '{name}' and _dlt_load_id = {last} order by line_number"
    )


# Lines


REJECTED = {  # by number: the line, and the reason why it goes to quarantine
    2: ("S-2|Tea|Moa|tea|3.20", "it has 5 fields, not 6"),
    4: ("S-4|Tea|Moa|tea|3.20|6|7", "it has 7 fields, not 6"),
    6: ("S-6|Tea|Moa|tea|3,20|6", "unit_cost is not a valid decimal(12, 2)"),
    8: ("S-8|Tea|Moa|tea|3.205|6", "unit_cost is not a valid decimal(12, 2)"),
    10: ("S-10|Tea|Moa|tea|3.20|6.0", "pack_size is not a valid integer"),
    12: ("\t|Tea|Moa|tea|3.20|6", "sku is blank"),
    14: ("S-14|T\0ea|Moa|tea|3.20|6", "product_name has the character \\u0000, which PostgreSQL does not hold"),
    16: ('S-16|"Tea" green|Moa|tea|3.20|6', "there is text after a closing quote"),
}


@on("dev", "postgres")
def test_a_line_that_breaks_the_contract_goes_to_quarantine_and_its_file_lands(changing, folder):
    file = folder / "catalogue_2026-01-01.csv"
    file.write_text(HEADER + lines(20, **{f"l{number}": line + "\n" for number, (line, _) in REJECTED.items()}))
    assert changing.load("supplier") == {"catalogue": 12}
    assert [number for (number,) in catalogue(changing, 1, "line_number")] == [n for n in range(1, 21) if n not in REJECTED]
    quarantined = changing.quarantine("supplier", "catalogue")
    by_number = {r["line_number"]: (r.get("line", "|".join(r.get("fields", {}).values())), why) for why, r, _ in quarantined}
    assert by_number == REJECTED and {record["file_name"] for _, record, _ in quarantined} == {file.name}
    assert changing.last_read("supplier", "catalogue") == ("complete", None, len(REJECTED))
    # The supplier corrects all lines but one. The whole file lands, and the corrected lines are superseded.
    file.write_text(HEADER + lines(20, l2=REJECTED[2][0] + "\n"))
    assert changing.load("supplier") == {"catalogue": 19}
    assert changing.reasons("supplier", "catalogue") == [REJECTED[2][1]] and len(catalogue(changing, 1)) == 19
    closed = changing.query("select closed_as, count(*) from raw_supplier.quarantine group by closed_as order by 2")
    assert closed == [(None, 1), ("superseded", 7)]


@on("dev", "postgres")
def test_replayed_lines_land_with_all_other_lines_of_their_file(changing, folder, change_catalogue):
    """Models read the last load of a file as the whole file: a line alone would delist every other product."""
    (folder / "catalogue_2026-01-01.csv").write_text(HEADER + lines(10, l3="S-3|Tea|Moa|tea|3.205|6\n", l5="S-5|Tea\n"))
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER + lines(10))
    assert changing.load("supplier") == {"catalogue": 18}
    (folder / "catalogue_2026-01-01.csv").unlink()
    too_short = "it has 2 fields, not 6"
    report = changing.replay("supplier")["supplier"]
    assert report.left == {"catalogue": {"unit_cost is not a valid decimal(12, 2)": 1, too_short: 1}} and not report.replayed
    change_catalogue(
        columns=tuple("unit_cost" if getattr(c, "name", c) == "unit_cost" else c for c in supplier_source.SOURCE.tables[0].columns)
    )
    for replayed in ({"catalogue": 1}, {}):
        report = changing.replay("supplier")["supplier"]
        assert (report.replayed, report.left) == (replayed, {"catalogue": {too_short: 1}})
        found = catalogue(changing, 1)
        assert [row[-1] for row in found] == [1, 2, 3, 4, *range(6, 11)]
        assert found[2] == ("S-3", "Tea", "Moa", "tea", "3.205", "6", 3) and found[:2] == catalogue(changing, 2)[:2]
        assert changing.query("select count(*) from raw_supplier.catalogue") == [(27,)]


@on("dev", "postgres")
def test_a_file_with_bom_crlf_quotes_and_no_last_line_break_lands_exactly(changing, folder):
    (folder / "catalogue_2026-01-01.csv").write_bytes(
        b"\xef\xbb\xbf"
        + (HEADER + 'S-1|"Green\r\n""Tea"" | fine"| Moa |""|1.20|6\n007|24" pipe|김치 😀|N/A||\nS-3|null|\\N|NaN|1e1|-0')
        .replace("\n", "\r\n")
        .encode()
    )
    report = changing.try_to_load("supplier")
    assert report.ok and "ends without a line break" in report.notes[0]
    assert catalogue(changing, 1) == [
        ("S-1", 'Green\r\r\n"Tea" | fine', " Moa ", "", "1.20", "6", 1),
        ("007", '24" pipe', "김치 😀", "N/A", "", "", 2),
        ("S-3", "null", "\\N", "NaN", "1e1", "-0", 3),
    ]


# Files


LONG = "x" * 20_000_000  # longer than what is read at once
READ_FILES = {  # contents that land, and how many lines they have
    "lines end as on an old Macintosh": ((HEADER + lines(10)).replace("\n", "\r").encode(), 10),
    "gzip": (gzip.compress((HEADER + lines(10)).encode()), 10),
    "gzip in two parts": (gzip.compress(HEADER.encode()) + gzip.compress(lines(10).encode()), 10),
    "a long line": ((HEADER + lines(10, l4=f"S-4|{LONG}|Moa|tea|4.20|6\n")).encode(), 10),
    "a long line in quotes": ((HEADER + lines(10, l4=f'S-4|"{LONG}\n{LONG}"|Moa|tea|4.20|6\n')).encode(), 10),
    "line breaks in quotes": ((HEADER + "".join(f'S-{n}|"T\n\n{n}"|Moa|tea|4.20|6\n' for n in range(300_000))).encode(), 300_000),
}


@pytest.mark.parametrize("what", READ_FILES)
def test_a_file_of_any_form_lands_whole(changing, folder, change_catalogue, what):
    content, count = READ_FILES[what]
    pattern = "catalogue_*.csv.gz" if "gzip" in what else "catalogue_*.csv"
    change_catalogue(pattern=pattern)
    (folder / "catalogue_2026-01-01.csv").unlink()
    (folder / pattern.replace("*", "2026-01-02")).write_bytes(content)
    assert changing.load("supplier") == {"catalogue": count}
    assert changing.quarantine("supplier", "catalogue") == []
    names = "select count(distinct sku), max(length(product_name)), count(*) from raw_supplier.catalogue where pack_size = '6'"
    longest = len(LONG) * (2 if "in quotes" in what else 1) + ("in quotes" in what) if "long" in what else None
    found = changing.query(names)[0]
    assert found[::2] == (count, count) and (longest is None or found[1] == longest)


REJECTED_FILES = (  # content, and the reason in the error
    (b"", "it is empty."),
    (lines(10), "its first line is not a header with these columns."),
    (
        (HEADER + lines(10)).replace("|", ";"),
        "its delimiter is ';'. If that is right, write delimiter=';' into catalogue of ingestion/sources/",
    ),
    (
        HEADER.replace("unit_cost", "cost") + lines(10),
        'its header has no unit_cost. If unit_cost is called cost now, write renamed={"unit_cost": "cost"} into catalogue of ingestion/',
    ),
    (HEADER.replace("|pack_size", "") + lines(10).replace("|6\n", "\n"), "its header has no pack_size."),
    (HEADER.replace("brand", "sku") + lines(10), "its header names a column twice."),
    (
        HEADER.replace("\n", "|Colour Code|colour_code\n") + lines(10).replace("\n", "|a|b\n"),
        "its header has Colour Code and colour_code, which",
    ),
    (HEADER.replace("\n", "| |\n") + lines(10).replace("\n", "|a|b\n"), "its header has a column without a name."),
    (b"PK\x03\x04" + b"\0" * 100, "it is a ZIP archive or a spreadsheet, not text."),
    (gzip.compress((HEADER + lines(10)).encode())[:-20], "it is packed with gzip, and breaks off."),
    (gzip.compress((HEADER + lines(10)).encode())[:40] + b"\0" * 60, "it is packed with gzip, and damaged."),
    ((HEADER + lines(10)).encode("utf-16"), "it is UTF-16, not UTF-8."),
    ((HEADER + lines(10, l4="S-4|Thé|Moa|tea|4.20|6\n")).encode("latin-1"), "it is not UTF-8: byte 0xE9 in line 5, as Latin-1"),
    (HEADER + lines(10) + "S-11|Tea|Mo", "it breaks off in the middle of its last line."),
    (HEADER + lines(10, l4='S-4|"Tea|Moa|tea|4.20|6\n'), "a quote that opens in line 4 never closes"),
    (HEADER + lines(7), "it has 7 lines, and the file before it had 10."),
    (HEADER + lines(10).replace(".20", ",20"), "none of its 10 lines fits; in 10 of them: unit_cost is not a valid decimal(12, 2)."),
    (HEADER + lines(10).replace("\n", "|\n"), "none of its 10 lines fits; in 10 of them: it has 7 fields, not 6."),
)


@on("dev", "postgres")
def test_a_file_that_breaks_the_contract_stops_the_table_and_the_other_files_land(changing, folder):
    for day, (content, _) in enumerate(REJECTED_FILES, 2):
        (folder / f"catalogue_2026-01-{day:02}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "catalogue_2026-01-31.csv").write_text(HEADER + lines(10))
    for landed in (20, 0):  # each run tries the rejected files again
        report = changing.try_to_load("supplier")
        assert not report.ok and "move it away" in report.error
        for day, (_, reason) in enumerate(REJECTED_FILES, 2):
            assert f"catalogue_2026-01-{day:02}.csv: {reason}" in report.error
        assert report.tables == {"catalogue": landed}
        assert changing.last_read("supplier", "catalogue") == ("contract_violated", report.error.removeprefix("catalogue: "), 0)
        assert changing.quarantine("supplier", "catalogue") == []
    # All are corrected but one, which is moved away.
    for day in range(2, 2 + len(REJECTED_FILES)):
        (folder / f"catalogue_2026-01-{day:02}.csv").write_text(HEADER + lines(11))
    (folder / "catalogue_2026-01-02.csv").unlink()
    assert changing.load("supplier") == {"catalogue": 11 * (len(REJECTED_FILES) - 1)}
    assert changing.outcome("supplier", "catalogue") == "complete"


def test_a_file_without_a_date_in_its_name_is_not_landed(changing, folder):
    """No model would ever read it."""
    (folder / "catalogue_20260102.csv").write_text(HEADER + lines(10))
    report = changing.try_to_load("supplier")
    assert not report.ok and "catalogue_20260102.csv: its name has no date like 2026-01-31" in report.error
    assert report.tables == {"catalogue": 10} and changing.outcome("supplier", "catalogue") == "contract_violated"


def test_a_smaller_file_lands_when_a_person_allows_it(changing, folder):
    changing.load("supplier")
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER + lines(2))
    assert "--allow-deletes" in changing.try_to_load("supplier").error
    assert changing.load("supplier", allow_deletes=True) == {"catalogue": 2}
    (folder / "catalogue_2026-01-03.csv").write_text(HEADER + lines(2))
    assert changing.load("supplier") == {"catalogue": 2}


# Columns


def test_a_new_column_lands_with_a_note(changing, folder):
    changing.load("supplier")
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER.replace("\n", "|colour\n") + lines(10).replace("\n", "|red\n"))
    report = changing.try_to_load("supplier")
    assert report.ok and report.notes == ["catalogue_2026-01-02.csv has columns that were not declared: colour"]
    assert set(catalogue(changing, 2, "colour")) == {("red",)}


def test_a_renamed_column_lands_under_its_old_name_once_it_is_mapped(changing, folder, change_catalogue):
    (folder / "catalogue_2026-01-02.csv").write_text(HEADER.replace("unit_cost", "cost") + lines(10))
    assert "its header has no unit_cost" in changing.try_to_load("supplier").error
    change_catalogue(renamed={"unit_cost": "cost"})
    assert changing.load("supplier") == {"catalogue": 10}
    assert catalogue(changing, 1) == catalogue(changing, 2)
    # A file from before the rename still lands as it is.
    assert changing.load("supplier", full=True) == {"catalogue": 20} and catalogue(changing, 1) == catalogue(changing, 2)
