"""A company in a warehouse, before and after its first publication."""

from collections.abc import Callable

import pytest
from support.deployment import Deployment
from support.publishing import assert_nothing_is_stale


@pytest.fixture(scope="module", params=["dev", "postgres"])
def landed(request: pytest.FixtureRequest, deploy: Callable[..., Deployment]) -> Deployment:
    """A company whose data have landed. Nothing is built."""
    deployment = deploy(days=3, target=request.param)
    deployment.environment["DBT_EXCLUDE_RESOURCE_TYPES"] = "unit_test"  # they read no data, and tests/models runs them
    if request.param == "postgres":
        deployment.environment["WAREHOUSE_READERS"] = "analyst"
    deployment.ingest()
    return deployment


@pytest.fixture(scope="module")
def published(landed: Deployment) -> Deployment:
    """The same company when a build has passed."""
    landed.build()
    assert_nothing_is_stale(landed)
    return landed
