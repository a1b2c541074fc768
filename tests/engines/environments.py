"""Environments of their own for the stand-ins: what they need does not go together with the project's own dependencies."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
# DuckDB's extensions lie in the home folder: for the stand-in in its environment's, so that nothing is left elsewhere.
BIGQUERY_HOME = PROJECT / ".venv-bigquery"


class StandInError(Exception):
    """A stand-in can't be installed; the message says in one line what is missing and how to get it."""


def prepare_stand_ins() -> None:
    """Install all stand-ins that are not installed yet. Raises StandInError at the first that can't be."""
    stand_in_python()
    snowflake_python()


def stand_in_python() -> Path:
    """The interpreter of the environment in which local-bigquery runs."""
    extensions = "from duckdb_extensions import import_extension as get; [get(name) for name in ('ducklake', 'icu', 'spatial')]"
    return _environment_python("bigquery", "3.13", lambda python: _run([python, "-c", extensions], stand_in_surroundings()))


def snowflake_python() -> Path:
    """The interpreter of the environment with dbt's adapter for Snowflake, and fakesnow."""
    return _environment_python("snowflake", sys.executable)


def stand_in_surroundings() -> dict[str, str]:
    """The environment variables of a process that runs local-bigquery."""
    return {**os.environ, "HOME": str(BIGQUERY_HOME)}


def _environment_python(name: str, version: str, finish: Callable[[Path], None] = lambda _: None) -> Path:
    """The interpreter of `.venv-NAME`, which is made when it is missing or tests/engines/NAME/requirements.txt changed.

    version: of Python, one that uv finds, or downloads.   finish: a last step, given the interpreter.
    """
    folder, requirements = PROJECT / f".venv-{name}", Path(__file__).with_name(name) / "requirements.txt"
    python, marker = folder / "bin" / "python", folder / "installed.txt"
    with open(PROJECT / f".venv-{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes that run tests side by side want it at the same time
        if marker.exists() and marker.read_text() == requirements.read_text():
            return python
        print(f"Installing the stand-in for {name} into {folder.name} …", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _uv("venv", "--python", version, "--no-project", folder)
        except subprocess.CalledProcessError as error:
            raise StandInError(
                f"The stand-in for {name} needs Python {version}, and there is none: install it so that `python{version}` is found, "
                f"and run this again; `make test` does without. uv says: {_last_line(error)}"
            ) from None
        try:
            _uv("pip", "sync", "--python", python, "--require-hashes", requirements)
            finish(python)
        except subprocess.CalledProcessError as error:
            raise StandInError(f"The stand-in for {name} can't be installed from the package registry: {_last_line(error)}") from None
        marker.write_text(requirements.read_text())  # last: an installation that broke off is not taken for a whole one
    return python


def _uv(*arguments: str | Path) -> None:
    """uv looks for interpreters along PATH; those of pyenv are there as shims only, which refuse to run."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    # The variable may come from another user, as with `su`, whose folder is closed to this one.
    found = sorted(pyenv.glob("versions/3.13*/bin")) if os.access(pyenv, os.R_OK | os.X_OK) else []
    path = os.pathsep.join([*map(str, found), os.environ.get("PATH", "")])
    _run([Path(sys.executable).with_name("uv"), *arguments, "--quiet"], {**os.environ, "PATH": path})


def _run(command: list[str | Path], environment: dict[str, str]) -> None:
    subprocess.run(command, check=True, env=environment, cwd=PROJECT, capture_output=True, text=True)


def _last_line(error: subprocess.CalledProcessError) -> str:
    lines = [line.strip() for line in (error.stderr or "").splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {error.returncode}"
