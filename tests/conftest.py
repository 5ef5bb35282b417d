"""What the tests share: hypothesis's profiles, the `gpu` marker, torchvision."""

from __future__ import annotations

import os
from types import ModuleType

import pytest
from hypothesis import settings

# before torch is first imported: threads that spin while they wait cost much where another program has a core
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# a machine that others use too makes a deadline lie; in CI the same examples are drawn at each run
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files anew, to be read as a diff")


@pytest.fixture
def rewrite_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are written anew rather than compared."""
    return bool(request.config.getoption("--rewrite-golden"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `gpu` where there is no CUDA device."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """torchvision, the reference for parity; tests take it from here and never import it themselves."""
    from tests import torchvision_models

    return torchvision_models.torchvision()
