"""Modules that are copied, pickled, saved, and sent to processes that never saw their spec."""

from __future__ import annotations

import copy
import gc
import inspect
import io
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import multiprocessing, nn

import archlang
from archlang.built import execute
from archlang.facts.work import totals
from archlang.lower import module
from tests.lower.test_emitted import written
from tests.specs import graph_of

SPEC = """
block unit(width) { kept: conv 3x3 width pad=1 -> batchnorm -> relu; (kept, it) -> add }
net tried(width=4) {
  input image: 3x8x8
  param start: [1, 3, 8, 8] init=normal(1)
  (start, it) -> add
  a: unit width
  b: unit width
  dropblock 0.1 block_size=3
  twin: conv 1x1 width
  c: conv 1x1 width weight=twin.weight
  freeze a
  output
}
"""


def built() -> tuple[nn.Module, torch.Tensor]:
    net = module(graph_of(SPEC), seed=0).eval()
    return net, torch.randn(2, 3, 8, 8)


def saved(net: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


def pickled(net: nn.Module, protocol: int) -> nn.Module:
    loaded: nn.Module = pickle.loads(pickle.dumps(net, protocol))
    return loaded


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, saved, *(partial(pickled, protocol=number) for number in range(6))]
)
def test_a_copied_or_pickled_module_is_equal(again: object) -> None:
    assert callable(again)
    net, image = built()
    back = again(net)
    assert type(back) is type(net)
    assert back is not net
    assert torch.equal(back(image), net(image))
    assert back.get_parameter("c.weight") is back.get_parameter("twin.weight")
    assert [name for name, value in back.named_parameters() if not value.requires_grad] == [
        name for name, value in net.named_parameters() if not value.requires_grad
    ]


@pytest.mark.parametrize("shipped", [False, pytest.param(True, marks=pytest.mark.sweep)])
def test_every_net_comes_back(shipped: bool) -> None:
    """Every net of the tests and docs that is not large: its structure and its values."""
    seen: set[str] = set()
    for name, graph in written(shipped, at_default=True):
        if totals(graph).params > (300_000 if shipped else 20_000):
            continue
        net = module(graph)
        back = pickle.loads(pickle.dumps(net))
        assert repr(back) == repr(net), name
        assert all(map(torch.equal, back.state_dict().values(), net.state_dict().values())), name
        seen.add(name)
    assert len(seen) > 100


LOADING = """
import pickle, sys, torch
net, image, given = torch.load(sys.argv[1], weights_only=False)
assert torch.equal(net(image), given)
assert "archlang.elaborate" not in sys.modules
print(type(net).__module__)
"""


def test_a_fresh_process_loads_it(tmp_path: Path) -> None:
    net, image = built()
    torch.save((net, image, net(image)), tmp_path / "net.pt")
    told = subprocess.run(
        [sys.executable, "-c", LOADING, str(tmp_path / "net.pt")], check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == "archlang.built.tried"


def _answer(net: nn.Module, image: torch.Tensor, answers: multiprocessing.SimpleQueue[bytes]) -> None:
    answers.put(pickle.dumps(net(image).detach().numpy()))


def test_a_spawned_worker_can_load_it() -> None:
    net, image = built()
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    worker = context.Process(target=_answer, args=(net, image, answers))
    worker.start()
    given = pickle.loads(answers.get())
    worker.join()
    assert torch.equal(torch.from_numpy(given), net(image).detach())


def test_the_source_is_carried_once_and_is_what_was_read() -> None:
    graph = graph_of(SPEC)
    net = module(graph)
    text = archlang.compiler.Net(graph).source()
    assert pickle.dumps(net).count(b"class Unit(nn.Module)") == 1
    assert inspect.getsource(type(net).forward) in text


def test_a_class_derived_from_ours_is_pickled_like_any_other() -> None:
    net = module(graph_of(SPEC))
    own = type("Own", (type(net),), {"__module__": __name__})
    globals()["Own"] = own
    try:
        assert type(pickle.loads(pickle.dumps(own()))) is own
    finally:
        del globals()["Own"]


def test_equal_sources_share_their_classes_while_they_are_used() -> None:
    text = "from torch import nn\n\n\nclass A(nn.Module):\n    pass\n"
    first = execute(text, "a")
    assert execute(text, "a") is first
    assert execute(text, "b") is not first
    made = vars(first)["A"]()
    del first
    gc.collect()
    assert vars(execute(text, "a"))["A"] is type(made)  # an instance keeps its source in use
