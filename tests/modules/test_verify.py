"""`archlang verify`: equal modules are reported equal, and any change is found at its place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archlang
from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.verify import Trial, Verdict, made, value_of
from archlang.verify.keys import match

SPEC = """net n(rate=0.0) {
  input x: 2x8x8
  conv1: conv 3x3 4 pad=1 bias=false -> bn1: batchnorm -> relu
  residual { conv2: conv 3x3 4 pad=1 bias=false -> bn2: batchnorm }
  relu -> dropout rate
  flatten -> fc: linear 3
  output
}
"""


class Reference(nn.Module):
    """The net of SPEC by hand; `change` says what is wrong in it."""

    def __init__(self, change: str = "", rate: float = 0.0) -> None:
        super().__init__()
        self.change = change
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4, momentum=0.2 if change == "momentum" else 0.1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False, padding_mode="circular" if change == "mode" else "zeros")
        self.bn2 = nn.BatchNorm2d(4, eps=1e-3 if change == "eps" else 1e-5)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(rate)
        self.fc = nn.Linear(4 * 8 * 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        if self.change == "between":
            x = x * 1.001
        if self.change == "training" and self.training:
            x = x + 1
        y = self.bn2(self.conv2(x))
        if self.change == "detached":
            y = y.detach()
        if self.change == "twice":
            y = self.bn2(self.conv2(y))
        x = self.relu(x + y)
        x = self.drop(x).flatten(1)
        given: Tensor = self.fc(x)
        return given.double() if self.change == "dtype" else given


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archlang.Net:
    monkeypatch.chdir(tmp_path)
    Path("n.arch").write_text(SPEC)
    return archlang.load("n.arch")


def wrong(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if check.differences]


# ---- what is equal


def test_equal(net: archlang.Net) -> None:
    reference = Reference()
    before = {key: value.clone() for key, value in reference.state_dict().items()}
    random = torch.get_rng_state()
    verdict = net.verify(reference)
    assert verdict.equal and verdict.first is None and verdict.notes == ()
    assert {check.name: check.compared for check in verdict.checks} == {
        "outputs in evaluation": 1,
        "outputs in training": 1,
        "gradients": 9,  # of the input and eight parameters
        "buffers after training": 6,
    }
    after = reference.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert reference.training and torch.equal(torch.get_rng_state(), random)


def test_dropout_is_seeded_alike(net: archlang.Net) -> None:
    dropping = archlang.load("n.arch", rate=0.5)
    assert dropping.verify(Reference(rate=0.5)).equal
    verdict = dropping.verify(Reference(rate=0.4))
    assert wrong(verdict)[0] == "outputs in training"


def test_another_size_and_batch(net: archlang.Net, tmp_path: Path) -> None:
    (tmp_path / "s.arch").write_text("net s {\n  input x: 2x8x8\n  conv 3x3 4\n  output\n}\n")
    small = archlang.load("s.arch")
    verdict = small.verify(nn.Sequential(nn.Conv2d(2, 4, 3)), Trial(batch=3, size=(5, 6)))
    assert verdict.equal and verdict.inputs == ("3x2x5x6 float32",)


def test_whole_numbers_flow_in(tmp_path: Path) -> None:
    spec = tmp_path / "e.arch"
    spec.write_text("net e {\n  input words: [5] dtype=int64\n  embedding 10 4\n  output\n}\n")
    net = archlang.load(str(spec))
    assert net.verify(nn.Sequential(nn.Embedding(10, 4)), Trial(below=10)).equal
    verdict = net.verify(nn.Sequential(nn.Embedding(10, 4, padding_idx=1)), Trial(below=2))
    assert wrong(verdict) == ["gradients"]


# ---- what differs


@pytest.mark.parametrize(
    "change, checks, what, how",
    [
        ("eps", "outputs in evaluation", "`bn2`", "2x4x8x8 float32, largest absolute difference"),
        ("mode", "outputs in evaluation", "`conv2`", "largest absolute difference"),
        ("between", "outputs in evaluation", "`conv2`", "what flows into it differs, after `relu`, call 1: 2x4x8x8"),
        ("twice", "outputs in evaluation", "`relu`, call 2", "what flows into it differs, after `bn2`: 2x4x8x8"),
        ("dtype", "outputs in evaluation", "the whole net", "2x3 float32 here, 2x3 float64 in the reference"),
        ("training", "outputs in training", "`conv2`", "what flows into it differs, after `relu`, call 1: 2x4x8x8"),
    ],
)
def test_the_first_layer_that_differs(net: archlang.Net, change: str, checks: str, what: str, how: str) -> None:
    verdict = net.verify(Reference(change))
    assert not verdict.equal and wrong(verdict)[0] == checks
    assert verdict.first is not None
    assert verdict.first.what == what and how in verdict.first.how
    assert f"first difference: {what}: " in str(verdict)


def test_only_gradients_differ(net: archlang.Net) -> None:
    verdict = net.verify(Reference("detached"))
    (check,) = (check for check in verdict.checks if check.differences)
    assert check.name == "gradients" and verdict.first is None
    told = {one.what: one.how for one in check.differences}
    assert told["conv2.weight"] == told["bn2.bias"] == "there is none in the reference"
    assert "largest absolute difference" in told["conv1.weight"] and "fc.weight" not in told


def test_only_buffers_differ(net: archlang.Net) -> None:
    verdict = net.verify(Reference("momentum"))
    assert wrong(verdict) == ["buffers after training"]
    assert {one.what for check in verdict.checks for one in check.differences} == {
        "bn1.running_mean",
        "bn1.running_var",
    }


def test_swapped_weights_with_equal_initial_values_are_found(net: archlang.Net) -> None:
    """Two norms mixed up: their scales are 1 and their shifts 0 when they are made."""

    class Mixed(Reference):
        def forward(self, x: Tensor) -> Tensor:
            x = self.relu(self.bn2(self.conv1(x)))
            given: Tensor = self.fc(self.relu(x + self.bn1(self.conv2(x))).flatten(1))
            return given

    verdict = net.verify(Mixed())
    assert "outputs in evaluation" in wrong(verdict)


def test_a_table_that_both_have_but_differs(tmp_path: Path) -> None:
    """Buffers of whole numbers are compared as made: the weights' copy would hide it."""
    spec = tmp_path / "t.arch"
    spec.write_text("""net t {
  input words: [4] dtype=int64
  buffer steps: [4] init=arange dtype=int64
  (words, steps) -> add -> table: embedding 10 3
  output
}
""")

    class Table(nn.Module):
        def __init__(self, start: int) -> None:
            super().__init__()
            self.register_buffer("steps", torch.arange(start, start + 4))
            self.table = nn.Embedding(10, 3)

        def forward(self, words: Tensor) -> Tensor:
            given: Tensor = self.table(words + self.get_buffer("steps"))
            return given

    net = archlang.load(str(spec))
    reference = Table(0)
    names = set(net.module().state_dict())
    assert names == set(reference.state_dict())
    assert net.verify(reference).equal
    assert wrong(net.verify(Table(1))) == ["buffers as made"]


def test_a_tolerance(net: archlang.Net) -> None:
    torch.manual_seed(4)  # with other weights a ReLU near 0 may turn a gradient by more
    assert not net.verify(Reference("eps"), Trial(tolerance=1e-7)).equal
    verdict = net.verify(Reference("eps"), Trial(tolerance=0.05))
    assert wrong(verdict) == []


def test_values_that_are_not_finite_prove_little(tmp_path: Path) -> None:
    spec = tmp_path / "f.arch"
    spec.write_text("net f {\n  input x: [4]\n  linear 4 -> exp -> exp -> exp\n  output\n}\n")

    class Infinite(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            setattr(self, "0", nn.Linear(4, 4))
            with torch.no_grad():
                getattr(self, "0").bias.fill_(50.0)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = getattr(self, "0")(x)
            return y.exp().exp().exp()

    verdict = archlang.load(str(spec)).verify(Infinite())
    assert "output 0 holds values that are not finite, which prove little" in verdict.notes


# ---- keys


def test_keys_that_differ(net: archlang.Net) -> None:
    reference = Reference()
    reference.head = reference.fc
    del reference.fc
    reference.extra = nn.Linear(2, 2)
    verdict = net.verify(reference)
    keys = verdict.keys
    assert not verdict.equal and verdict.checks == ()
    assert keys.missing == ("fc.weight", "fc.bias") and keys.likely == {
        "fc.weight": "head.weight",
        "fc.bias": "head.bias",
    }
    assert "  missing     fc.weight  perhaps head.weight" in str(verdict).splitlines()
    assert "  unexpected  extra.weight" in str(verdict).splitlines()


def test_a_shape_that_differs_is_the_first_layer_that_does(net: archlang.Net) -> None:
    reference = Reference()
    reference.conv2 = nn.Conv2d(4, 4, 5, padding=2, bias=False)
    verdict = net.verify(reference)
    assert verdict.keys.misshapen == ("conv2.weight",)
    assert verdict.shapes == (("conv2.weight", "4x4x3x3 float32", "4x4x5x5 float32"),)
    assert verdict.first is not None and verdict.first.what == "`conv2`"


class Around(nn.Module):
    """The same under other names, in the same order."""

    def __init__(self, change: str = "") -> None:
        super().__init__()
        self.body = Reference(change)

    def forward(self, x: Tensor) -> object:
        return self.body(x)


def test_other_names_in_the_same_order(net: archlang.Net) -> None:
    verdict = net.verify(Around())
    assert not verdict.equal and verdict.keys.in_order
    assert "all shapes agree in order, under other names" in str(verdict)
    assert net.verify(Around(), Trial(by_order=True)).equal
    parted = net.verify(Around("eps"), Trial(by_order=True))
    assert parted.first is not None and parted.first.what == "`bn2`"


def test_renamed_paths(net: archlang.Net) -> None:
    assert net.verify(Around(), Trial(renames=(("body", ""),))).equal
    parted = net.verify(Around("between"), Trial(renames=(("body", ""),)))
    assert parted.first is not None and parted.first.what == "`conv2`"


def test_a_prefix_can_be_taken_off_or_put_before() -> None:
    shapes = {"a.weight": (1,), "b.a.weight": (2,)}
    assert match({"weight": (1,), "b.a.weight": (2,)}, shapes, [("a", "")], False).agree
    assert match({"c.d.weight": (1,), "b.a.weight": (2,)}, shapes, [("a", "c.d")], False).agree


# ---- the reference


@pytest.mark.parametrize(
    "text, value",
    [("true", True), ("none", None), ("3", 3), ("[1, 2]", [1, 2]), ("'a b'", "a b"), ("relu", "relu"), ("1e-3", 1e-3)],
)
def test_arguments(text: str, value: object) -> None:
    assert value_of(text) == value and type(value_of(text)) is type(value)


@pytest.mark.parametrize(
    "named, arguments, told",
    [
        ("torch.nn", {}, "does not name a callable"),
        ("torch.nn:Linearr", {}, "did you mean Linear?"),
        ("torch.nn:functional", {}, "is a module, which cannot be called"),
        ("torch:tensor", {"data": 3}, "returns a Tensor, not a torch.nn.Module"),
        ("torch.nn:Linear", {"width": 3}, "TypeError"),
        ("no_such_module:net", {}, "ModuleNotFoundError"),
        ("broken.py:net", {}, "SyntaxError"),
        ("raises.py:net", {}, "ZeroDivisionError: division by zero ("),
    ],
)
def test_a_reference_that_cannot_be_made(
    named: str, arguments: dict[str, object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.py").write_text("def net(:\n")
    Path("raises.py").write_text("1 / 0\n")
    with pytest.raises(Rejected) as caught:
        made(named, arguments)
    assert caught.value.code == "run-failed"
    assert told in f"{caught.value.message} {caught.value.help}"


def test_more_sizes_than_an_input_has(net: archlang.Net) -> None:
    assert net.verify(Reference(), Trial(size=(2, 8, 8))).equal
    with pytest.raises(Rejected, match="an input of 2x8x8 has no 4 sizes to take 1x2x8x8"):
        net.verify(Reference(), Trial(size=(1, 2, 8, 8)))


def test_a_reference_that_cannot_be_run(net: archlang.Net) -> None:
    with pytest.raises(Rejected, match="the net fails on 2x2x5x5 float32"):
        net.verify(Reference(), Trial(size=(5, 5)))


# ---- the command

MODEL = """from torch import nn

def net(width=4, bias=False):
    return nn.Sequential(nn.Conv2d(1, width, 3, bias=bias), nn.ReLU())
"""


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL)
    Path("m.arch").write_text("net m {\n  input x: 1x8x8\n  conv 3x3 6 bias=false -> relu\n  output\n}\n")
    words = ["verify", "m.arch", "--against", "model.py:net", "--arg", "width=6"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "m on 2x1x8x8 float32" and lines[-1] == "m and model.py:net are equal"
    assert main([*words, "--arg", "bias=true", "--format", "json"]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["equal"] is False and verdict["keys"]["unexpected"] == ["0.bias"]
    assert main(["verify", "m.arch", "--against", "model.py:nett"]) == 2
    assert capsys.readouterr().err.startswith("archlang: error[run-failed]: model.py has no nett; did you mean net?")
    assert main([*words, "--arg", "width"]) == 2
    assert main([*words[:3], "absent.py:net"]) == 2


def test_torchvisions_nets(torchvision: ModuleType) -> None:
    net = archlang.load("resnet18")
    assert net.verify(torchvision.models.resnet18(), Trial(size=(64, 64))).equal
    verdict = net.verify(torchvision.models.resnet34(), Trial(size=(64, 64)))
    assert len(verdict.keys.unexpected) == 96 and verdict.first is not None


def test_outputs_of_training_are_compared(torchvision: ModuleType) -> None:
    theirs = torchvision.models.googlenet(init_weights=True)
    verdict = archlang.load("googlenet").verify(theirs, Trial(size=(64, 64)))
    assert verdict.equal
    assert {check.name: check.compared for check in verdict.checks}["outputs in training"] == 3


def test_outputs_in_other_containers(net: archlang.Net) -> None:
    class Mapped(Around):
        def forward(self, x: Tensor) -> object:
            return {"out": [(self.body(x), None)]}

    assert net.verify(Mapped(), Trial(by_order=True)).equal


def test_layers_called_as_functions(net: archlang.Net) -> None:
    class Functional(Reference):
        def forward(self, x: Tensor) -> Tensor:
            x = functional.relu(self.bn1(functional.conv2d(x, self.conv1.weight, padding=1)))
            given: Tensor = self.fc(functional.relu(x + self.bn2(self.conv2(x))).flatten(1))
            return given

    assert net.verify(Functional()).equal


# ---- another structure of modules is no difference


class NormAct(nn.BatchNorm2d):
    """A norm that holds its activation, as timm's BatchNormAct2d does."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu(super().forward(input))


class Structured(Reference):
    """The net of SPEC, divided into other modules: norms with their activation, functions, containers.

    `change` names the real difference.
    """

    def __init__(self, change: str = "") -> None:
        super().__init__(change)
        self.bn1 = NormAct(4, eps=1e-2 if change == "early" else 1e-5)
        self.bn2 = nn.BatchNorm2d(4, eps=1e-2 if change == "branch" else 1e-5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(functional.conv2d(x, self.conv1.weight, padding=1))
        y = self.bn2(functional.conv2d(x.permute(0, 1, 2, 3), self.conv2.weight, None, 1, 1))
        if self.change == "added":
            y = y * 1.01
        if self.change == "activated":
            y = y.relu()
        x = functional.relu(x + y)
        x = x.flatten(1)
        if self.change == "late":
            return functional.linear(x, self.fc.weight)
        given: Tensor = self.fc(x)
        return given.softmax(1) if self.change == "softmax" else given


@pytest.mark.parametrize(
    "change, what, how",
    [
        ("early", "`bn1`", "2x4x8x8 float32, largest absolute difference"),
        ("branch", "`bn2`", "2x4x8x8 float32, largest absolute difference"),
        ("added", "`relu`, call 2", "what flows into it differs, after `bn2`: 2x4x8x8 float32, with values that the r"),
        (
            "activated",
            "`relu`, call 2",
            "what flows into it differs, after `bn2`: 2x4x8x8 float32, with values that the",
        ),
        ("late", "`fc`", "2x3 float32, with values that the reference does not compute; it is called 1 times, in the"),
        ("softmax", "the whole net", "2x3 float32, largest absolute difference"),
    ],
)
def test_the_first_difference_under_another_structure(net: archlang.Net, change: str, what: str, how: str) -> None:
    assert net.verify(Structured()).equal
    verdict = net.verify(Structured(change))
    assert verdict.first is not None and verdict.first.what == what
    assert verdict.first.how.startswith(how)


def test_a_small_difference_of_a_norm_with_its_activation_is_measured_at_the_norm(net: archlang.Net) -> None:
    """Not at the result of its activation, which differs far more."""
    verdict = net.verify(Structured("early"))
    assert verdict.first is not None
    found = re.search(r"largest absolute difference ([\d.e-]+)", verdict.first.how)
    assert found is not None and float(found[1]) < 0.1


def test_containers_that_only_the_reference_has(tmp_path: Path) -> None:
    """Braces that end at another place than the container of the same name, and an additional container."""
    (tmp_path / "c.arch").write_text("""net c {
  input x: 2x8x8
  stem: { conv: conv 3x3 4 pad=1 -> norm: batchnorm -> relu }
  maxpool 2x2/2
  head: { flatten -> fc: linear 3 }
  output
}
""")

    class Stem(nn.Module):
        def __init__(self, eps: float) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 4, 3, padding=1)
            self.norm = nn.BatchNorm2d(4, eps=eps)
            self.rest = nn.Sequential(nn.ReLU(), nn.Identity(), nn.MaxPool2d(2))

        def forward(self, x: Tensor) -> object:
            return self.rest(self.norm(self.conv(x)))

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4 * 4 * 4, 3)
            self.slope = 1.0

        def forward(self, x: Tensor) -> Tensor:
            given: Tensor = self.fc(x.flatten(1))
            return given * self.slope

    class Whole(nn.Module):
        def __init__(self, eps: float = 1e-5, slope: float = 1.0) -> None:
            super().__init__()
            self.stem, self.head = Stem(eps), Head()
            self.head.slope = slope

        def forward(self, x: Tensor) -> object:
            return self.head(self.stem(x))

    net = archlang.load(str(tmp_path / "c.arch"))
    assert net.verify(Whole()).equal
    first = net.verify(Whole(eps=1e-2)).first
    assert first is not None and first.what == "`stem.norm`"
    first = net.verify(Whole(slope=2.0)).first
    assert first is not None and (first.what, first.how[:3]) == ("the whole net", "2x3")


def test_another_layout_on_the_way_is_no_difference(tmp_path: Path) -> None:
    (tmp_path / "t.arch").write_text("""net t {
  input x: 2x4x4
  patch: conv 2x2/2 6 -> sigmoid
  permute "n h w c" -> norm: layernorm -> permute "n c h w"
  globalavgpool -> flatten -> fc: linear 3
  output
}
""")

    class Tokens(nn.Module):
        """A row of positions, channels last, from the first convolution on."""

        def __init__(self, eps: float = 1e-5) -> None:
            super().__init__()
            self.patch = nn.Conv2d(2, 6, 2, 2)
            self.norm = nn.LayerNorm(6, eps=eps)
            self.fc = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> object:
            x = self.norm(self.patch(x).flatten(2).transpose(1, 2).sigmoid())
            return self.fc(x.mean(1))

    net = archlang.load(str(tmp_path / "t.arch"))
    trial = Trial(dtype="float64", tolerance=1e-12)
    assert net.verify(Tokens(), trial).equal
    first = net.verify(Tokens(eps=1e-2), trial).first
    assert first is not None and first.what == "`norm`"


# ---- the same at each run, and in another dtype


def test_each_run_prints_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference's random weights are seeded too, whatever was drawn before."""
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL)
    Path("m.arch").write_text("net m {\n  input x: 1x8x8\n  conv 3x3 4 bias=false -> sigmoid\n  output\n}\n")
    told: list[str] = []
    for seed in (1, 2, 3):
        torch.manual_seed(seed)
        given = "5" if seed == 3 else "0"
        assert main(["verify", "m.arch", "--against", "model.py:net", "--seed", given]) == 1
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] != told[2]


def test_float64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A mean taken in two steps differs only by rounding."""
    monkeypatch.chdir(tmp_path)
    Path("two.py").write_text("""from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 64)

    def forward(self, x):
        return self.fc(x * 3) / 3
""")
    Path("m.arch").write_text("net m {\n  input x: [64]\n  fc: linear 64 bias=false\n  output\n}\n")
    Path("two.py").write_text(Path("two.py").read_text().replace("64)", "64, bias=False)"))
    words = ["verify", "m.arch", "--against", "two.py:Two", "--tolerance", "1e-12"]
    assert main(words) == 1
    capsys.readouterr()
    assert main([*words, "--dtype", "float64"]) == 0
    assert capsys.readouterr().out.startswith("m on 2x64 float64\n")


def test_a_dtype_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"dtype is one of .*, not int8"):
        Trial(dtype="int8")


def test_attention_on_the_way(tmp_path: Path) -> None:
    """torch's attention takes a faster way if nothing watches it, and then rounds differently."""
    (tmp_path / "a.arch").write_text("""net a {
  input x: 16x6
  permute "n t c" -> attn: attention 4
  norm: layernorm
  fc: linear 3
  output
}
""")

    class Attending(nn.Module):
        def __init__(self, eps: float = 1e-5) -> None:
            super().__init__()
            self.attn = nn.MultiheadAttention(16, 4, batch_first=True)
            self.norm = nn.LayerNorm(16, eps=eps)
            self.fc = nn.Linear(16, 3)

        def forward(self, x: Tensor) -> object:
            x = x.permute(0, 2, 1)
            return self.fc(self.norm(self.attn(x, x, x, need_weights=False)[0]))

    net = archlang.load(str(tmp_path / "a.arch"))
    assert net.verify(Attending()).equal
    first = net.verify(Attending(eps=1e-2)).first
    assert first is not None and first.what == "`norm`" and "largest absolute difference" in first.how


class Functional(nn.Module):
    """A block and attention written in functions and fused forms, with the weights in modules that never run."""

    def __init__(self, slope: float = 0.0, bn: float = 1e-5, ln: float = 1e-5, scale: float = 0.5) -> None:
        super().__init__()
        self.slope, self.eps, self.scale = slope, (bn, ln), scale
        self.conv, self.bn = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.ln, self.qkv, self.fc = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        assert self.bn.running_var is not None and self.bn.running_mean is not None
        x = functional.conv2d(x, self.conv.weight, padding=1)
        by = self.bn.weight / torch.sqrt(self.bn.running_var + self.eps[0])
        x = x * by[:, None, None] + (self.bn.bias - self.bn.running_mean * by)[:, None, None]
        x = functional.leaky_relu(x, self.slope).flatten(2).transpose(1, 2)
        x = x - x.mean(-1, keepdim=True)
        x = x / torch.sqrt((x**2).mean(-1, keepdim=True) + self.eps[1]) * self.ln.weight + self.ln.bias
        parts = functional.linear(x, self.qkv.weight, self.qkv.bias).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in parts)
        x = ((q @ k.transpose(-1, -2) * self.scale).softmax(-1) @ v).transpose(1, 2).flatten(2)
        given: Tensor = functional.linear(x.mean(1), self.fc.weight, self.fc.bias)
        return given


FUNCTIONAL = """net n {
  input x: 3x8x8
  conv: conv 3x3 8 pad=1 bias=false
  bn: batchnorm -> relu
  rearrange "n c h w -> n (h w) c" -> ln: layernorm
  qkv: linear 24
  split 3 axis=2 -> looks: sdpa 2
  mean axis=1 -> fc: linear 4
  output
}
"""


@pytest.mark.parametrize(
    ("changed", "what"),
    [({"slope": 0.1}, "relu"), ({"bn": 0.1}, "bn"), ({"ln": 0.1}, "ln"), ({"scale": 0.7}, "looks")],
)
def test_other_module_structure_is_no_difference(changed: dict[str, float], what: str) -> None:
    """The layer that is told is the one whose values stay different, not the first that is computed otherwise."""
    net = archlang.loads(FUNCTIONAL)
    same = net.verify(Functional(), Trial(tolerance=1e-4))
    assert not next(check for check in same.checks if check.name == "outputs in evaluation").differences
    first = net.verify(Functional(**changed), Trial(tolerance=1e-4)).first
    assert first is not None and what in first.what
