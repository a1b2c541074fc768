"""The warehouse's file belongs to its owner alone, as raw and `core` hold personal data; what is published is a file beside it."""

import os
import stat
from pathlib import Path

import duckdb

OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR
GROUP_READS = OWNER_ONLY | stat.S_IRGRP


def make_private(path: Path) -> None:
    """Make the file if it is not there, and take from group and others what they may: its mode is 0600, and so is its log's."""
    if not path.exists():
        usual = os.umask(0o077)  # from the first moment on: DuckDB has no setting for the mode
        try:
            duckdb.connect(str(path)).close()
        finally:
            os.umask(usual)
    for file in (path, path.with_name(f"{path.name}.wal")):
        if file.exists() and (mode := stat.S_IMODE(file.stat().st_mode)) & ~OWNER_ONLY:
            file.chmod(mode & OWNER_ONLY)


def replace_published(new: Path, published: Path) -> None:
    """Put a new published file in the place of the old one, in one step: who has the old one open goes on reading that."""
    new.chmod(GROUP_READS)
    new.replace(published)
    for left in published.parent.glob(f"{published.stem}.*{published.suffix}*"):  # by a run that was killed
        left.unlink(missing_ok=True)
