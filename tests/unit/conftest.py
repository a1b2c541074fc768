"""What the unit tests build on."""

import pytest

from demo.company import Company


@pytest.fixture(scope="module")
def company() -> Company:
    """Forty days of the simulation."""
    return Company(seed=7, scale=0.05).live_until(40)
