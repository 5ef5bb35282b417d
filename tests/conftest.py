"""What the tests share: hypothesis's profiles, the `gpu` marker, torchvision.

Each run draws the same examples, so that a verdict depends only on the code. To explore others, each with its own seed:

    pytest --hypothesis-profile explore --hypothesis-seed 1 tests/facts/test_saved.py

A failure that is found in this way is mended, and added to `tests/found.py`.
"""

from __future__ import annotations

import gc
import os
from types import ModuleType

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

# before torch is first imported: the tests run beside each other, one on each core, and
# threads that spin while they wait cost much where another program has a core
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
for _variable in ("NO_COLOR", "FORCE_COLOR"):  # the tests say themselves where there is colour
    os.environ.pop(_variable, None)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # so that each program that tests start finds compiled what others did

# on a machine that others use too, a deadline proves nothing
settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, derandomize=False, database=None, print_blob=True)
settings.load_profile("same")

# else hypothesis also draws the constants of those of our modules that happen to be imported by then
setattr(providers, "_get_local_constants", Constants)  # noqa: B010  it is private


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files anew, to be read as a diff")


@pytest.fixture
def rewrite_golden(request: pytest.FixtureRequest) -> bool:
    """Return whether golden files are written anew rather than compared."""
    return bool(request.config.getoption("--rewrite-golden"))


def pytest_collection_finish() -> None:
    """Exempt everything that is imported by now from garbage collection, because it lives to the end.

    What tests make is searched for circles less often than by default, which takes a tenth off operators' laws.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_sessionfinish() -> None:
    """Collect all garbage now, while torch can still free its own."""
    gc.unfreeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `gpu` where there is no CUDA device."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """Return torchvision, the reference for parity; tests take it from here and never import it themselves."""
    from tests import torchvision_models

    return torchvision_models.torchvision()
