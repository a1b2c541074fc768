"""A folder or a bucket: which files are there. dlt's `filesystem` source finds and opens them.

Settings: sources.NAME.bucket_url, and a bucket's credentials.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from dlt.sources.filesystem import filesystem

from ingestion.addresses import password_of, with_encoded_password, without_login
from ingestion.connectors.base import File, Run, Window
from ingestion.connectors.files.delimited import opened_text
from ingestion.connectors.tables import TextTable
from ingestion.errors import IngestError, first_line
from ingestion.settings import project_dir, setting

FileSet = TextTable


@dataclass(frozen=True)
class FilesSource:
    """A place where files arrive, and the kinds of them that are read."""

    tables: Sequence[FileSet]

    @contextmanager
    def open(self, run: Run) -> Iterator["FilesConnection"]:
        """Raises IngestError when a local folder does not exist: dlt would take it for an empty one."""
        url = _bucket_url(run.source)
        run.secrets.update(password_of(url))
        yield FilesConnection(run.source, url)


class FilesConnection:
    """The place of the files."""

    def __init__(self, source: str, url: str) -> None:
        self._source, self._address, self.url = source, url, without_login(url)

    def read(self, table: FileSet, window: Window, bookmark: Mapping[str, str] | None) -> list[File]:
        """All files that are there now, by name; raises IngestError when there is no such place."""
        return [
            File(
                file["relative_path"],
                f"{file['modification_date'].timestamp():.6f}/{file['size_in_bytes']}",
                lambda file=file: opened_text(file.open(compression="disable")),  # type: ignore[misc]
            )
            for file in self._listed(table)
        ]

    def _listed(self, table: FileSet) -> list[Any]:
        try:
            files = list(filesystem(bucket_url=self._address, file_glob=table.pattern))
        except Exception as error:
            raise IngestError(
                f"{self.url} can't be listed: {first_line(error)}",
                f"Correct SOURCES__{self._source.upper()}__BUCKET_URL, or its credentials.",
            ) from error
        return sorted(files, key=lambda file: file["relative_path"])


def _bucket_url(source: str) -> str:
    """The place of the files; a relative folder starts at the project's."""
    path = f"sources.{source}.bucket_url"
    url = with_encoded_password(str(setting(path)), path)
    scheme = urlparse(url).scheme
    if len(scheme) > 1 and scheme != "file":  # one letter is a drive of Windows
        return url
    folder = project_dir() / (url2pathname(urlparse(url).path) if scheme == "file" else url)
    if not folder.is_dir():
        raise IngestError(f"The folder {folder} does not exist.", f"Correct SOURCES__{source.upper()}__BUCKET_URL, or mount it.")
    return folder.as_uri()
