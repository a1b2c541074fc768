"""The command `ingest`, as far as it needs no source: its usage, what it imports, what it keeps out of messages."""

import pytest
from support.landing import Landing

from ingestion.connectors.postgres import Table
from ingestion.connectors.tables import Field
from ingestion.errors import redact


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--since", "yesterday"], ["--since", "2026-02-01", "--until", "2026-01-01"], ["--nope"]], ids=" ".join
)
def test_wrong_usage_ends_with_exit_code_2(tmp_path, arguments):
    done = Landing(tmp_path, {}).command(*arguments)
    assert done.returncode == 2 and "usage: ingest" in done.stderr and "Traceback" not in done.stderr


def test_a_table_with_a_cursor_needs_a_primary_key():
    with pytest.raises(ValueError, match="primary key"):
        Table("orders", cursor="updated_at")


@pytest.mark.parametrize("kind", ["instant", "decimal", "decimal(18)", "Text"])
def test_a_field_of_an_unknown_kind_is_refused_with_the_kinds_there_are(kind):
    with pytest.raises(ValueError, match=r"field paid_at: .* date, timestamp, object or list"):
        Field("paid_at", kind)


@pytest.mark.parametrize("argument", ["status", "--help"])
def test_help_and_status_need_no_dlt(tmp_path, argument):
    script = (
        "import sys\nfrom ingestion.cli import main\n"
        "try:\n    code = main(sys.argv[1:])\nexcept SystemExit as end:\n    code = end.code\n"
        "sys.exit(code or 'dlt' in sys.modules)"
    )
    done = Landing(tmp_path, {}).command(argument, script=script)
    assert done.returncode == 0, done.stderr


def test_errors_of_libraries_lose_their_secrets():
    text = "could not connect to postgresql://u:p%40ss@h/d password=abc Bearer xyz.123 token: 'q w'"
    assert not any(secret in redact(text) for secret in ("p%40ss", "abc", "xyz", "q w"))
