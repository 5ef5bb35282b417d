"""Exported nets: run by what reads their formats, and equal to the module; named as in the spec."""

from __future__ import annotations

import zipfile
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import archlang
from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.export.checking import Checked, checked
from archlang.marks import is_made_here
from archlang.train.record import Record

SPEC = """
net tried(width=4) {
  input image: [3, H=16, W=16]
  input shift: [4]
  image -> stem: { conv 3x3 width pad=1 bias=false -> batchnorm -> relu }
  body: residual { conv 3x3 width pad=1 } shortcut { }
  conv 2x2/2 width -> upsample 2
  globalavgpool -> flatten -> pooled: it
  (pooled, shift) -> add -> features: it
  fc: linear 5 -> scores: it
  output scores, features
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tried.arch").write_text(SPEC)
    return tmp_path


def trained(seed: int = 3) -> nn.Module:
    """Return a module with statistics as after training: those of a fresh batch norm are 0 and 1."""
    module = archlang.load("tried.arch").module(seed=seed).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.named_buffers():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        assert name
    return module


def image(batch: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(9)
    return torch.randn(batch, 3, side, side, generator=generator), torch.randn(batch, 4, generator=generator)


def test_onnx_runs_at_sizes_that_it_was_not_made_at_and_has_the_names_of_the_spec() -> None:
    module = trained()
    result = archlang.load("tried.arch").export("tried.onnx", module)
    assert result.inputs == {"image": ("batch", 3, "H", "W"), "shift": ("batch", 4)}
    assert result.outputs == {"scores": ("batch", 5), "features": ("batch", 4)}
    session = onnxruntime.InferenceSession("tried.onnx", providers=["CPUExecutionProvider"])
    for batch, side in ((1, 16), (5, 24)):
        images, shift = image(batch, side)
        found = session.run(None, {"image": images.numpy(), "shift": shift.numpy()})
        for ours, theirs in zip(found, module(images, shift), strict=True):
            assert torch.allclose(torch.from_numpy(ours), theirs, atol=1e-5)
    graph = onnx.load("tried.onnx").graph
    onnx.checker.check_model("tried.onnx")
    assert [one.name for one in graph.output] == ["scores", "features"]
    weights = {one.name for one in graph.initializer}
    assert {"stem.0.weight", "body.0.weight", "2.weight", "fc.weight", "fc.bias"} <= weights
    names = [node.name for node in graph.node]
    assert len({*names}) == len(names)
    assert {"stem.0/Conv", "stem.2/Relu", "body.0/Conv", "2/Conv", "fc/Gemm"} <= {*names}


def test_pt2_and_torchscript_are_read_by_torch() -> None:
    module, net = trained(), archlang.load("tried.arch")
    open_, fixed = net.export("tried.pt2", module), net.export("tried.ts", module)
    assert open_.inputs["image"] == ("batch", 3, "H", "W") and fixed.inputs["image"] == ("batch", 3, 16, 16)
    program = torch.export.load("tried.pt2").module()
    with pytest.warns(DeprecationWarning, match="load"):
        script = torch.jit.load("tried.ts")
    for batch, side in ((1, 16), (7, 16), (2, 40)):
        inputs = image(batch, side)
        for again in (program, script) if side == 16 else (program,):
            assert all(map(torch.equal, again(*inputs), module(*inputs)))


def test_the_module_stays_as_it_was() -> None:
    module = archlang.load("tried.arch").module(seed=1).train()
    module.get_submodule("stem").eval()
    before = {name: part.training for name, part in module.named_modules()}
    state = {key: value.clone() for key, value in module.state_dict().items()}
    archlang.load("tried.arch").export("tried.pt2", module)
    assert {name: part.training for name, part in module.named_modules()} == before
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


def test_weights_of_a_file_and_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": trained().state_dict(), "ema": trained(5).state_dict()}, "two.pt")
    assert main(["export", "tried.arch", "--weights", "two.pt", "--entry", "ema", "-o", "tried.pt2"]) == 0
    assert capsys.readouterr().err == ""
    inputs = image(2, 16)
    assert all(map(torch.equal, torch.export.load("tried.pt2").module()(*inputs), trained(5)(*inputs)))


def test_a_run_is_exported_by_its_folder() -> None:
    Path("small.arch").write_text("net small { input image: 1x28x28; conv 5x5/4 2 -> flatten -> linear 10; output }")
    net = archlang.load("small.arch")
    state = {"state_dict": net.module(seed=1).state_dict(), "average": net.module(seed=2).state_dict()}
    Path("run").mkdir()
    torch.save(state, "run/best.pt")
    Record("quick", net.graph, "mnist", {}, (), (), {"image": "image"}).write(Path("run"))
    for call in ("export run -o a.onnx", "export small.arch --weights run -o b.onnx"):
        assert main(call.split()) == 0
    best = state["average"]
    for name in ("a.onnx", "b.onnx"):
        held = {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(name).graph.initializer}
        assert all(torch.equal(torch.from_numpy(held[key].copy()), best[key]) for key in ("0.weight", "2.weight"))


@pytest.mark.parametrize(
    "call, told",
    [
        ("export tried.arch -o net.bin", "-o net.bin: no format has this suffix; name one of --format onnx, pt2"),
        ("export tried.arch --entry ema -o net.pt2", "--entry is for --weights: no file of weights is read"),
        ("export tried.arch --weights absent.pt -o net.pt2", "absent.pt"),
    ],
)
def test_wrong_calls(call: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(call.split()) == 2
    assert told in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["tried.arch"]


def test_in_python_the_format_is_named_or_that_of_the_suffix() -> None:
    net = archlang.load("tried.arch")
    for path, format in (("net.bin", None), ("net.onnx", "onyx")):
        with pytest.raises(archlang.CallError, match="formats are onnx, pt2, torchscript"):
            net.export(path, format=format)
    net.export("net.bin", format="pt2")
    with zipfile.ZipFile("net.bin") as archive:
        assert archive.testzip() is None
    assert is_made_here(Path("net.bin"))


@pytest.mark.parametrize("amount", [2e-4, float("nan")])
def test_a_file_that_computes_something_else_is_refused(amount: float) -> None:
    net, module = archlang.load("tried.arch"), trained()

    def run(inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        scores, features = module(*inputs)
        return [scores, features + amount * features.abs().max().clamp(min=1)]

    inputs: dict[str, tuple[int | str, ...]] = {"image": ("batch", 3, "H", "W")}
    with pytest.raises(Rejected, match=r"tried as pt2 differs from the module by (0.0002|inf) at batch 2"):
        checked(module, net.graph, Checked(b"", inputs, {}, run), "pt2")


def test_what_torch_cannot_follow_is_told() -> None:
    def halved(layer: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        return output / 2 if output.max() > 1 else output

    module = trained()
    module.get_submodule("stem").register_forward_hook(halved)
    with pytest.raises(Rejected, match="torch cannot write tried as pt2: "):
        archlang.load("tried.arch").export("tried.pt2", module)
    assert not Path("tried.pt2").exists()


def test_an_output_of_training_is_not_exported() -> None:
    before = "net n { input image: 3x8x8; globalavgpool -> flatten -> aux: linear 3; (image) -> flatten -> "
    net = archlang.loads(f"{before}main: linear 5; output aux when training; output main }}")
    for path in ("n.onnx", "n.pt2", "n.ts"):
        assert net.export(path).outputs == {"main": ("batch", 5)}
