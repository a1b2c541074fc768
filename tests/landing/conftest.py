"""What the suites of the landing build on beside tests/conftest.py: sources of a test's own, and an API that it scripts."""

import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engines.servers import DuckDBFile
from support.landing import Landing, emptied
from support.payments_api import PaymentsApi, payment
from support.source_database import SourceDatabase, SourceServer

from ingestion import sources
from ingestion.connectors.postgres import Table


@pytest.fixture
def changing(make_landing: Callable[[dict[str, str]], Landing]) -> Landing:
    """An empty warehouse, for sources that the test makes and changes."""
    return make_landing({})


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[PaymentsApi]:
    """A payments API with six records, as the source of the test's warehouse."""
    landing = request.getfixturevalue("changing" if "changing" in request.fixturenames else "landing")
    with PaymentsApi() as server:
        server.records["payments"] = [payment(n, 1 + n) for n in range(6)]
        landing.settings |= {"SOURCES__PAYMENTS__BASE_URL": server.url, "SOURCES__PAYMENTS__API_TOKEN": secrets.token_urlsafe(8)}
        yield server


@pytest.fixture
def extra_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, landing: Landing) -> Iterator[Callable[[list[Table]], Any]]:
    """Adds a source `extra` that reads these tables of the shop's database."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "extra.py").write_text(
        "from ingestion.connectors.postgres import PostgresSource\nTABLES = []\nSOURCE = PostgresSource(tables=TABLES)\n"
    )
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    for name in ("CREDENTIALS", "CLOCK_SQL"):
        landing.settings[f"SOURCES__EXTRA__{name}"] = landing.settings[f"SOURCES__SHOP__{name}"]
    from ingestion.sources import extra

    yield lambda tables: extra.TABLES.extend(tables)
    del sys.modules["ingestion.sources.extra"]
    del sources.extra


@pytest.fixture
def change_endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the declaration of the endpoint of payments."""
    from ingestion.sources import payments

    def change(**changes: Any) -> None:
        first, *others = payments.SOURCE.tables
        monkeypatch.setattr(payments, "SOURCE", replace(payments.SOURCE, tables=(replace(first, **changes), *others)))

    return change


@pytest.fixture(scope="session")
def source_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SourceServer]:
    """A PostgreSQL server for databases that tests make and change."""
    with SourceServer(tmp_path_factory.mktemp("source")) as server:
        yield server


@pytest.fixture(scope="session")
def make_database(
    tmp_path_factory: pytest.TempPathFactory, servers: Callable[[str], DuckDBFile], source_server: SourceServer
) -> Callable[..., SourceDatabase]:
    """Makes an empty source database, in this encoding, and an empty warehouse on this engine. There is one at a time."""

    def make(engine: str, encoding: str = "UTF8") -> SourceDatabase:
        warehouse = None if engine == "dev" else emptied(servers(engine))
        server = source_server if encoding == "UTF8" else source_server.encoded(encoding)
        return SourceDatabase(tmp_path_factory.mktemp("database"), server, warehouse)

    return make


@pytest.fixture
def database(make_database: Callable[..., SourceDatabase], engine: str) -> SourceDatabase:
    """An empty source database, and an empty warehouse on the test's engine."""
    return make_database(engine)
