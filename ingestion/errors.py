"""The one kind of error that people see: what is wrong, and what to do about it. Never a secret."""

import re
from collections.abc import Iterable, Iterator


class IngestError(Exception):
    """A source or the warehouse can't be used. `message` says what is wrong, `remedy` what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class RefusedTable(IngestError):
    """The rows of one table are not what its columns can hold."""

    def __init__(self, table: str, why: IngestError) -> None:
        super().__init__(why.message, why.remedy)
        self.table = table


class ContractViolated(IngestError):
    """A source no longer fulfils a table's contract, so nothing that it sends for the table can be trusted."""


class UsageError(IngestError):
    """The command line is wrong: an unknown source, an end before the beginning."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without these secrets and without whatever looks like a password or a token in it.

    Libraries quote connection strings in their errors, so their texts must pass through here before they are shown.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = re.sub(r"(://[^:/@\s]*:)[^/\s]*@", r"\1***@", text)
    text = re.sub(r"(?i)\b(password|passwd|secret|token|api_key)(\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s,;&]+)", r"\1\2***", text)
    return re.sub(r"(?i)\bbearer\s+[\w.~+/=-]+", "Bearer ***", text)


# The words before a name that a library quotes in an error. Anything else that is quoted may be a value.
NAMED = re.compile(
    r"(column|relation|table|view|schema|role|user|database|type|function|constraint|index|parameter|encoding|zone|extension) $"
)
OF_VALUES = ("Conversion Error", "Out of Range Error", "Invalid Input Error")  # DuckDB's, which quotes no number


def first_line(error: BaseException) -> str:
    """The first line of the error's text, without the hints that drivers put below it, and without values."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Of what a server answers, DuckDB says first what it asked.
    return without_values(lines[0].rpartition("ERROR: ")[2].strip()) if lines else type(error).__name__


def without_values(text: str) -> str:
    """The message of a library, without what may be a value of a source."""
    if text.startswith(OF_VALUES):
        text = re.sub(r"\b(value|string|number) (?!['\"])\S+", r"\1 …", text)
    quoted = re.compile(r"""(?<!\w)('[^']*'|"[^"]*")""")
    return quoted.sub(lambda found: found[0] if NAMED.search(text[: found.start()]) else "…", text)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, the outermost first."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "client_exception", None) or error.__cause__ or error.__context__


def explanation(error: BaseException) -> str:
    """The message to show: that of our own error if there is one, else the first line of the innermost cause."""
    chain = list(causes(error))
    ours = next((cause for cause in chain if isinstance(cause, IngestError)), None)
    return str(ours) if ours else first_line(chain[-1])


def traceback_of(error: BaseException, secrets: Iterable[str]) -> str:
    """Where an error and its causes came up, the innermost first, without values and secrets: for the person who fixes the code."""
    from traceback import format_tb

    lines: list[str] = []
    for cause in reversed(list(causes(error))):
        lines += [*format_tb(cause.__traceback__), f"{type(cause).__qualname__}: {first_line(cause)}\n"]
    return redact("".join(lines), secrets)
