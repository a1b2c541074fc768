"""What a company's folder keeps between two commands: state.json, and the lock by which commands wait for each other."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path


class DemoError(Exception):
    """An error that the user can fix; the message says how."""


def new_secret() -> str:
    """A password or token that nobody can guess."""
    return secrets.token_urlsafe(24)


@dataclass
class State:
    """Which company this is, how far it has come, and where its servers answer."""

    seed: int
    scale: float
    day: int
    simulation: int
    building: bool = True
    postgres_port: int = 0
    api_port: int = 0
    api_pid: int = 0
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    admin_password: str = field(default_factory=new_secret)
    reader_password: str = field(default_factory=new_secret)
    token: str = field(default_factory=new_secret)


class StateFile:
    """state.json in the company's folder."""

    def __init__(self, folder: Path):
        self._folder, self._file = folder, folder / "state.json"

    @property
    def exists(self) -> bool:
        return self._file.exists()

    def read(self) -> State | None:
        """The state, or None where there is no company. Raises DemoError if it can't be read."""
        try:
            return State(**json.loads(self._file.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise DemoError(f"{self._file} can't be read. Start again: delete {self._folder}") from None

    def require(self) -> State:
        """The state. Raises DemoError where there is no company."""
        state = self.read()
        if state is None:
            raise DemoError(f"There is no company in {self._folder}. Make one: demo start")
        return state

    def write(self, state: State) -> None:
        """Replace the file at once; only its owner may read it, for it holds the passwords."""
        scratch = self._file.with_suffix(".new")
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(state), file, indent=1)
        os.replace(scratch, self._file)

    def refuse_strangers(self) -> None:
        """Raises DemoError when the folder holds files of somebody else."""
        if any(path.name != "lock" for path in self._folder.iterdir()):
            raise DemoError(f"{self._folder} is not empty and has no company in it: name an empty folder.")

    @contextmanager
    def locked(self, create: bool = False) -> Iterator[None]:
        """Keep other processes away from the folder; it is made if `create`. Raises DemoError where there is no company."""
        if create:
            self._folder.mkdir(parents=True, exist_ok=True)
        elif not self.exists:
            raise DemoError(f"There is no company in {self._folder}. Make one: demo start")
        with open(self._folder / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
