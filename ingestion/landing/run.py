"""One run of one source: its options, and what it reports in the end. It outlives the attempts to read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ingestion.errors import IngestError, first_line, redact
from ingestion.warehouses import Session


@dataclass(frozen=True)
class Options:
    """What was asked for. An interval [since, until) is read again without moving the cursor."""

    since: datetime | None = None
    until: datetime | None = None
    full: bool = False  # read all there is, and land what differs from raw
    deletes: bool = False  # compare keys whether it is due or not
    allow_deletes: bool = False  # believe a source that lost much of a table
    known: bool = False  # read only what was read before, as it was then: for verifying

    @property
    def is_interval(self) -> bool:
        return self.since is not None or self.until is not None

    def covers(self, at: datetime) -> bool:
        """Whether a point in time lies in the interval."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


@dataclass(frozen=True)
class Progress:
    """One step of a run, for a progress bar: what is happening to which table, and the rows so far (if known)."""

    source: str
    table: str | None
    step: str  # reading, loading, done or failed
    rows: int | None = None


OnProgress = Callable[[Progress], None]


class Failures:
    """The tables that could not be read or landed, and why; the others go on."""

    def __init__(self, secrets: set[str]) -> None:
        self._secrets = secrets
        self.reasons: dict[str, str] = {}  # by table
        self._violated: set[str] = set()

    def add(self, table: str, error: Exception | str) -> None:
        """Notes that this table can't be read or landed."""
        text = error if isinstance(error, str) else str(error) if isinstance(error, IngestError) else first_line(error)
        self.reasons[table] = redact(text, self._secrets)

    def add_violation(self, table: str, error: Exception) -> None:
        """Notes that the source no longer fulfils this table's contract. Models that read the table are not built until a
        read of it is complete: see the test `last_read_is_complete`."""
        self.add(table, error)
        self._violated.add(table)

    def outcome(self, table: str) -> str:
        """How the read of a table ended, as the read log has it."""
        if table not in self.reasons:
            return "complete"
        return "contract_violated" if table in self._violated else "failed"

    def __str__(self) -> str:
        return "; ".join(f"{table}: {why}" for table, why in sorted(self.reasons.items()))


@dataclass
class Run:
    """What all attempts have in common. Connectors know it as `connectors.base.Run`."""

    source: str
    session: Session
    options: Options = Options()
    on_progress: OnProgress = lambda progress: None
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    secrets: set[str] = field(default_factory=set)  # never to be shown
    notes: list[str] = field(default_factory=list)  # what people should know although all went well
    validate_all: set[str] = field(default_factory=set)  # tables whose rows the warehouse refused when they landed as they came
    failures: Failures = field(init=False)

    def __post_init__(self) -> None:
        self.failures = Failures(self.secrets)

    @property
    def dataset(self) -> str:
        """The source's schema in raw."""
        return f"raw_{self.source}"

    def report(self, step: str, table: str | None = None, rows: int | None = None) -> None:
        """Reports to the progress bar."""
        self.on_progress(Progress(self.source, table, step, rows))

    def redacted_notes(self) -> list[str]:
        """The notes, each once, without secrets."""
        return [redact(note, self.secrets) for note in dict.fromkeys(self.notes)]
