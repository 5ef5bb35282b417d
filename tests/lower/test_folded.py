"""Sources whose batch normalisations are folded into convolutions: equal keys and training, values within rounding."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

from archlang.cli import main
from archlang.compiler import Net, load
from archlang.lower import torch_source
from archlang.lower.audit import SourceError, audit
from archlang.lower.classes import classes_of
from archlang.program import program_of, text_of
from archlang.program.passes import folding, overwriting
from tests.specs import graph_of

SPEC = """
block unit(width) {
  input x
  residual { conv 3x3 width pad=1 bias=false -> batchnorm -> relu -> act: conv 1x1 width -> batchnorm }
  relu
}
net tried {
  input image: 3x16x16
  stem: { conv 3x3/2 8 pad=1 bias=false; batchnorm eps=0.01; relu6 }
  unit 8 -> unit 8
  (it) -> pre: batchnorm -> conv 3x3 8 groups=2 pad=1 -> kept: it
  batchnorm affine=false -> side: conv 1x1 8 -> batchnorm track_running_stats=false
  (it, kept) -> concat -> conv 3x3 8 padding_mode=reflect pad=1 -> batchnorm
  last: conv 1x1 8 -> batchnorm -> reuse last
  globalavgpool -> flatten -> linear 4
  output
}
"""


def trained(net: nn.Module) -> nn.Module:
    """Return the net with random statistics and factors, as training leaves them."""
    generator = torch.Generator().manual_seed(3)
    for name, value in net.state_dict().items():
        if value.is_floating_point() and "conv" not in name:
            low = 0.5 if name.endswith(("running_var", "weight")) and value.ndim == 1 else -0.3
            value.copy_(value if value.ndim > 1 else torch.rand(value.shape, generator=generator) + low)
    return net


def pair(memory_format: str | None = None) -> tuple[nn.Module, nn.Module]:
    """Return the plain module and the one for inference, with the same weights."""
    net = Net(graph_of(SPEC))
    assert memory_format in (None, "channels_last")
    plain = trained(net.module(seed=0))
    lean = net.module(optimize="inference", memory_format="channels_last" if memory_format else None)
    lean.load_state_dict(plain.state_dict())
    return plain, lean


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


@pytest.mark.parametrize("memory_format", [None, "channels_last"])
def test_an_inference_is_the_same_within_rounding(memory_format: str | None) -> None:
    plain, lean = pair(memory_format)
    image = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        found, wanted = lean.eval()(image), plain.eval()(image)
    assert 0 < distance(found, wanted) < 1e-5  # not equal: another kernel ran
    assert list(plain.state_dict()) == list(lean.state_dict())


def test_only_normalisations_right_after_a_convolution_are_folded() -> None:
    text = text_of(folding(program_of(graph_of(SPEC))))
    assert [line.split("folded into ")[1] for line in text.splitlines() if "folded into" in line] == ["0", "act", "0"]


def test_training_and_gradients_are_bit_equal() -> None:
    plain, lean = pair()
    image = torch.randn(4, 3, 16, 16)
    for training in (True, False):
        for net in (plain, lean):
            net.train(training)(image).square().sum().backward()
        for (name, one), (_, other) in zip(plain.named_parameters(), lean.named_parameters(), strict=True):
            assert one.grad is not None and other.grad is not None and torch.equal(one.grad, other.grad), name
    assert all(torch.equal(one, other) for one, other in zip(plain.buffers(), lean.buffers(), strict=True))


def test_weights_that_change_are_folded_again() -> None:
    """Loaded, assigned, trained further, set by hand, or of another dtype: never the weights of before."""
    plain, lean = pair()
    image = torch.randn(2, 3, 16, 16)

    def changed(net: nn.Module, how: str) -> None:
        state = {name: value * 1.5 if value.is_floating_point() else value for name, value in net.state_dict().items()}
        if how == "loaded":
            net.load_state_dict(state)
        elif how == "assigned":
            net.load_state_dict(state, assign=True)
        elif how == "trained":
            net.train()(image)
            net.eval()
        elif how == "by hand":
            with torch.no_grad():
                net.get_parameter("stem.1.bias").add_(1)
        else:
            net.double()

    with torch.no_grad():
        lean.eval()(image)
        plain.eval()
        for how in ("loaded", "assigned", "trained", "by hand", "double"):
            for net in (plain, lean):
                changed(net, how)
            image = image.double() if how == "double" else image
            assert distance(lean(image), plain(image)) < 1e-5, how


def test_a_module_loaded_in_inference_mode_runs() -> None:
    with torch.inference_mode():
        plain, lean = pair()
        image = torch.randn(2, 3, 16, 16)
        assert distance(lean.eval()(image), plain.eval()(image)) < 1e-5


def test_it_is_traced_and_exported_as_the_plain_net() -> None:
    plain, lean = pair()
    image = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        wanted = plain.eval()(image)
        with warnings.catch_warnings(action="ignore"):  # tracing is deprecated
            traced = torch.jit.trace(lean.eval(), image)
        assert torch.equal(cast(Any, traced)(image), wanted)
        assert torch.equal(torch.export.export(lean, (image,)).module()(image), wanted)


@pytest.mark.parametrize(
    "old, new", [("folded(self.conv, ", "folded(self.act, "), ("folded(", "folding("), ("), image)", "), x)")]
)
def test_the_audit_finds_another_convolution(old: str, new: str) -> None:
    spec = "net n {\n input image: 3x8x8\n residual { conv: conv 1x1 3 -> batchnorm }\n act: conv 1x1 3\n output\n}"
    program = folding(program_of(graph_of(spec)))
    text = torch_source(program)
    start, forward = text[: text.rindex("def forward")], text[text.rindex("def forward") :]
    assert old in forward, forward
    with pytest.raises(SourceError):
        audit(start + forward.replace(old, new), classes_of(overwriting(program)))


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "tried.arch"
    spec.write_text(SPEC, encoding="utf-8")
    assert main(["build", str(spec), "--optimize", "inference"]) == 0
    assert capsys.readouterr().out == load(str(spec)).source(optimize="inference")
    wrong: Any = "training"
    with pytest.raises(ValueError, match="optimised for is `inference`, not 'training'"):
        load(str(spec)).source(optimize=wrong)
