"""What the tests share: hypothesis's profiles, the `gpu` marker, torchvision."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
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
def torchvision() -> Iterator[ModuleType]:
    """torchvision, the reference for parity; tests take it from here and never import it themselves.

    Its wheels hold operators compiled for CUDA. With a CPU build of torch they do not load, and importing torchvision
    then needs two of them declared, which it registers fakes for. The declaration lives as long as `library`.
    """
    import torch

    found = importlib.util.find_spec("torchvision")
    assert found is not None and found.submodule_search_locations
    (compiled,) = Path(found.submodule_search_locations[0]).glob("_C.*")
    try:
        torch.ops.load_library(str(compiled))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield importlib.import_module("torchvision")  # noqa: PT022  (`library` is held until the tests are done)
