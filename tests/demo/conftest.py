"""What the tests of the sample company and of the guide build on."""

from collections.abc import Iterator

import pytest
from support.iss_api import IssApi

from demo.servers import Systems


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    """A company's servers: twelve days made in bulk, then three lived one by one."""
    systems = Systems(tmp_path_factory.mktemp("company") / "moa")
    try:
        yield systems.start(days=12, scale=0.05, seed=7).live(3)
    finally:
        systems.clean()


@pytest.fixture
def iss_api() -> Iterator[IssApi]:
    """The API that docs/add-a-source.md adds as a source."""
    with IssApi() as api:
        yield api
