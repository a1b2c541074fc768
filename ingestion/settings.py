"""Where things are, and the settings of the sources.

A setting has a path such as `sources.shop.credentials`. dlt looks for it in the environment
(SOURCES__SHOP__CREDENTIALS), then in `.dlt/secrets.toml`, then in `.dlt/config.toml`.
"""

import os
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from ingestion.errors import IngestError

# What the landing keeps of its own beside a source's tables; docs/sources-that-change.md describes both. Here and not in
# `landing`, as commands that only look need no Arrow.
OWN_TABLES = ("quarantine", "read_log")

# Settings that the landing relies on, unless the environment sets them otherwise.
DLT_DEFAULTS = {
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "NORMALIZE__MODEL_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__COMPRESSION": "none",
    # One table after the other: their rows come from one connection.
    "EXTRACT__NEXT_ITEM_MODE": "fifo",
    # Else dlt keeps a copy of every file that it ever loaded.
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    # A job that fails is tried again by the next run; here it would only hide what is wrong.
    "LOAD__RAISE_ON_MAX_RETRIES": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # dlt would keep what was asked of its configuration on disk, passwords too.
    "ENABLE_RUNTIME_TRACE": "false",
    # We print errors ourselves; dlt would print tracebacks.
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}


@cache
def project_dir() -> Path:
    """The folder with dbt_project.yml: the current one, one above it, or the one this package is in."""
    candidates = [Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[1]]
    return next((folder for folder in candidates if (folder / "dbt_project.yml").exists()), candidates[-1])


def pipelines_dir() -> Path:
    """dlt's working folders. Only what is under way is in there: they may be lost at any time."""
    return Path(os.environ.get("PIPELINES_DIR") or project_dir() / ".dlt" / "pipelines")


def prepare_dlt() -> None:
    """Sets how this project uses dlt. Call it before dlt is imported; the user's own settings stay."""
    os.environ.setdefault("DLT_PROJECT_DIR", str(project_dir()))
    for name, value in DLT_DEFAULTS.items():
        os.environ.setdefault(name, value)


def setting(path: str, default: Any = None) -> Any:
    """The value of a setting; raises IngestError, naming where to put it, when it is missing and has no default."""
    import dlt

    value: Any = dlt.secrets.get(path)
    if value is None:
        value = dlt.config.get(path)
    if value is None and default is None:
        raise IngestError(
            f"The setting {path} is missing.",
            f"Set {path.replace('.', '__').upper()} in the environment, or write it into .dlt/secrets.toml "
            "(there is an example beside it).",
        )
    return default if value is None else value


def lookback(source: str) -> timedelta:
    """How late a row may commit at a source and still be found: each read begins so long before the end of the one before."""
    return timedelta(hours=float(setting(f"sources.{source}.lookback_hours", 48)))
