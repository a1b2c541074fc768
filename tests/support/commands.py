"""`ingest` as a command, without a process of its own."""

import subprocess
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from ingestion.cli import main


def ingest(call: Callable[..., int], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `ingest` in this process, with the settings of the landing or the deployment whose `call` is given."""
    with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
        code = call(main, arguments)
    return subprocess.CompletedProcess(["ingest", *arguments], code, output.getvalue(), errors.getvalue())
