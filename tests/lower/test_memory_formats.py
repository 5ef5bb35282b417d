"""Sources in channels_last: their text, the format of their weights, and the nets that are refused."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.compiler import Net, load
from archlang.facts.memory import Setup, memory
from archlang.facts.saved import saved
from archlang.lower import torch_source
from archlang.lower.audit import SourceError, audit
from archlang.lower.classes import classes_of
from archlang.ops.layouts import MemoryFormat
from archlang.program import program_of, text_of
from archlang.program.passes import in_memory_format, overwriting, recomputing
from tests.allocator import images, training
from tests.lower.test_fixed_sizes import BODIES as FIXED
from tests.lower.test_fixed_sizes import built
from tests.lower.test_recomputed import SPEC
from tests.specs import graph_of, net_of, wrong

FORMAT: MemoryFormat = "channels_last"
CONVERTS = "        self.to(memory_format=torch.channels_last)\n"


def test_the_program_says_what_is_converted() -> None:
    inputs, steps = "input image: 3x8x8\n input words: [4]", "(image) -> conv 3x3 2 -> flatten -> x: it"
    graph = graph_of(f"net n {{\n {inputs}\n {steps}\n (x, words) -> concat\n output\n}}")
    program = in_memory_format(program_of(graph), FORMAT)
    assert text_of(program).splitlines() == [
        "net n(%5 image: 3x8x8, %1 words: 4) -> %4 output in channels_last",
        '  %0 = channels_last "image" (%5)  ; last use of %5',
        '  %2 = conv "0" (%0)  ; last use of %0',
        '  %3 = flatten "1" (%2)  ; last use of %2',
        "  %4 = concat (%3, %1)  ; last use of %3, %1",
    ]
    assert in_memory_format(program_of(graph), None).root.memory_format is None


def test_a_chain_without_maps_at_its_start_converts_its_weights() -> None:
    graph = graph_of(net_of("linear 36 -> { reshape 1x6x6 -> conv 1x1 4 }", "[9]"))
    text = Net(graph).source(memory_format=FORMAT)
    assert text.count(CONVERTS) == 1
    made, plain = Net(graph).module(3, memory_format=FORMAT), Net(graph).module(3)
    x = torch.randn(2, 9)
    assert torch.equal(made(x), plain(x))


def test_a_source_converts_its_inputs_and_its_weights() -> None:
    """A chain is written out, since an `nn.Sequential` would not convert its input; the keys stay."""
    graph = graph_of(net_of("conv 3x3 4 -> relu -> conv 1x1 2", "3x8x8"))
    text = Net(graph).source(memory_format=FORMAT)
    assert "nn.Sequential" not in text and text.count(CONVERTS) == 1
    assert "        x = image.to(memory_format=torch.channels_last)\n" in text
    made, plain = Net(graph).module(3, memory_format=FORMAT), Net(graph).module(3)
    assert made.state_dict().keys() == plain.state_dict().keys()
    for one, other in zip(made.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.ndim != 4 or one.is_contiguous(memory_format=torch.channels_last)
    again = copy.deepcopy(made)
    assert [x.stride() for x in again.parameters()] == [x.stride() for x in made.parameters()]


def test_weights_that_are_loaded_are_in_the_format(tmp_path: Path) -> None:
    net = Net(graph_of(net_of("conv 3x3 4 -> relu -> flatten -> linear 2", "3x8x8")))
    plain = net.module(1)
    torch.save(plain.state_dict(), tmp_path / "weights.pt")
    made = net.module(weights=tmp_path / "weights.pt", memory_format=FORMAT)
    assert all(map(torch.equal, made.parameters(), plain.parameters()))
    assert next(made.parameters()).stride() == (27, 1, 9, 3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CONVERTS, ""),
        (CONVERTS, CONVERTS + "        self.relu.requires_grad_(False)\n"),
        ("        x = image.to(memory_format=torch.channels_last)\n        x = ", "        x = image\n        x = "),
        ("x = image.to(memory_format=torch.channels_last)", "x = image.to(memory_format=torch.contiguous_format)"),
    ],
)
def test_a_source_that_does_not_convert_is_refused(before: str, after: str) -> None:
    graph = graph_of(net_of("conv 3x3 4 -> relu", "3x8x8"))
    program = in_memory_format(program_of(graph), FORMAT)
    text, made = torch_source(program), classes_of(overwriting(program))
    audit(text, made)
    assert before in text
    with pytest.raises(SourceError):
        audit(text.replace(before, after), made)


def test_a_source_that_is_not_to_convert_does_not() -> None:
    program = program_of(graph_of(net_of("conv 3x3 4 -> x: it\n relu -> (x, it) -> concat", "3x8x8")))
    text, made = torch_source(program), classes_of(program)
    assert "import torch\n" in text
    with pytest.raises(SourceError, match="converts weights"):
        audit(text.replace("\n    def forward", f"{CONVERTS}\n    def forward"), made)


def test_recomputed_calls_run_in_the_format() -> None:
    """In either order of the passes; memory is that of the allocator."""
    graph = graph_of(SPEC)
    paths = ["one", "two"]
    program = in_memory_format(recomputing(program_of(graph), paths), FORMAT)
    assert torch_source(program) == torch_source(recomputing(in_memory_format(program_of(graph), FORMAT), paths))
    module = Net(graph).module(0, recomputed=paths, memory_format=FORMAT)
    measured = training(graph, module, images(graph, 4), "sgd", recomputes=True).peak_bytes
    told = memory(graph, Setup(4, optimizer="sgd", memory_format=FORMAT), paths).peak_bytes
    assert abs(told - measured) <= 16


def test_sizes_that_are_fixed_are_checked_as_they_enter(tmp_path: Path) -> None:
    module = built(tmp_path, FIXED["scale"]).module(memory_format=FORMAT)
    module(torch.zeros(2, 3, 16, 16))
    with pytest.raises(ValueError, match="S of image is 24, and this net is valid at 16 alone"):
        module(torch.zeros(2, 3, 24, 24))


@pytest.mark.parametrize(
    ("body", "shape", "message"),
    [
        ("relu -> c: conv 3x3x3 4", "2x5x6x7", "a weight of `c` (conv) has five"),
        ("linear 4 -> relu", "[3]", "no input and no weight of tried has four"),
    ],
)
def test_nets_that_cannot_run_in_the_format(
    body: str, shape: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = net_of(body, shape)
    net = Net(graph_of(text))
    told = f"channels_last is an order of four axes, and {message}"
    runs: list[Callable[[], object]] = [
        lambda: net.source(memory_format=FORMAT),
        lambda: net.module(memory_format=FORMAT),
        lambda: memory(net.graph, Setup(memory_format=FORMAT)),
        lambda: saved(net.graph, memory_format=FORMAT),
    ]
    for run in runs:
        with pytest.raises(ValueError, match=re.escape(told)):
            run()
    spec = tmp_path / "net.arch"
    spec.write_text(text, encoding="utf-8")
    for command in ("build", "memory"):
        assert main([command, str(spec), "--memory-format", FORMAT]) == 2
        assert f"--memory-format: {told}" in capsys.readouterr().err
    (promise,) = wrong_promise(text)
    assert promise == told


def wrong_promise(text: str) -> list[str]:
    from archlang import promises
    from archlang.facts.net import NetFacts

    line = "  expect memory.training < 1GiB at memory_format=channels_last\n}"
    return [one.message for one in promises.verify(NetFacts(graph_of(text.rstrip().removesuffix("}") + line)))]


def test_a_format_that_torch_has_not() -> None:
    net = load("lenet5")
    with pytest.raises(ValueError, match="a memory format is one of channels_last, not nhwc"):
        net.source(memory_format="nhwc")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="memory_format is one of channels_last, not nhwc"):
        Setup(memory_format="nhwc")  # type: ignore[arg-type]
    assert wrong(net_of("relu\n expect memory.training < 1GiB at format=nhwc"))[0].code == "bad-promise"


def test_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "lenet5", "--memory-format", FORMAT]) == 0
    assert capsys.readouterr().out == load("lenet5").source(memory_format=FORMAT)
    words = ["--batch", "2", "--memory-format", FORMAT]
    assert main(["memory", "lenet5", *words, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["memory_format"] == FORMAT
    assert told["peak_bytes"] == memory(load("lenet5").graph, Setup(2, memory_format=FORMAT)).peak_bytes
    assert main(["memory", "lenet5", *words]) == 0
    assert capsys.readouterr().out.startswith("lenet5: training, batch 2, channels_last, momentum\n")
    assert main(["fit", "lenet5", "--memory", "2MiB", "--memory-format", FORMAT]) == 0
    assert capsys.readouterr().out.startswith("lenet5: training, channels_last, momentum, within 2.00 MiB\n")
