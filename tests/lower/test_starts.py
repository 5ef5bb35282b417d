"""How weights start: against torchvision and torch.nn.init, and what is refused."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archlang
from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.laws.cases import examples, input_lines
from archlang.lower import torch_source
from archlang.lower.audit import SourceError, audit
from archlang.lower.classes import classes_of
from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.program import program_of
from tests.specs import graph_of
from tests.starts import differing, equal_starts, seeded
from tests.torchvision_models import torchvision

EQUAL = ["resnet18", "mnasnet0_5", "squeezenet1_0", "shufflenet_v2_x0_5", "mobilenet_v3_small", "regnet_y_400mf"]
MOST = 60_000_000  # parameters of the nets that the sweep starts
ALIKE = ["swin_t"]  # torchvision draws these in another order


def loaded(tmp_path: Path, text: str) -> archlang.Net:
    path = tmp_path / "a.arch"
    path.write_text(text)
    return archlang.load(str(path))


def reference(name: str) -> Callable[[], nn.Module]:
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return lambda: getattr(torchvision().models, name)(weights=None, **options)


def classifiers() -> list[str]:
    return list(torchvision().models.list_models(module=torchvision().models))


@pytest.mark.parametrize("name", EQUAL)
def test_torchvisions_nets_start_equal(name: str) -> None:
    net = archlang.load(name)
    assert equal_starts(seeded(net.module, 0), seeded(reference(name), 0))


@pytest.mark.parametrize("name", ALIKE)
def test_torchvisions_nets_start_alike(name: str) -> None:
    assert differing(archlang.load(name).module, reference(name)) == []


@pytest.mark.sweep
@pytest.mark.parametrize("name", classifiers())
def test_every_classifier_starts_as_torchvisions(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = archlang.load(name)
        if totals(net.graph).params > MOST:
            pytest.skip("a smaller net of its file starts alike")
        if not equal_starts(seeded(net.module, 0), seeded(reference(name), 0)):
            assert differing(net.module, reference(name)) == []


def test_the_comparison_sees_another_start() -> None:
    """A deviation that is 20% off, and a bias of 1."""

    def wrong() -> nn.Module:
        module = reference("squeezenet1_1")()
        with torch.no_grad():
            module.get_parameter("features.0.weight").mul_(1.2)
            module.get_parameter("classifier.1.bias").fill_(1)
        return module

    assert differing(archlang.load("squeezenet1_1").module, wrong) == ["features.0.weight", "classifier.1.bias"]


INITS: dict[str, Callable[[Tensor], object]] = {
    "he_normal(mode=fan_out)": lambda w: nn.init.kaiming_normal_(w, mode="fan_out"),
    "he_uniform(slope=0.5, nonlinearity=leaky_relu)": lambda w: nn.init.kaiming_uniform_(w, a=0.5),
    "xavier_normal(gain=2)": lambda w: nn.init.xavier_normal_(w, 2.0),
    "xavier_uniform": nn.init.xavier_uniform_,
    "lecun_normal": lambda w: nn.init.normal_(w, 0, 1 / math.sqrt(w.shape[1])),
    "trunc_normal(0.02)": lambda w: nn.init.trunc_normal_(w, std=0.02),
    "normal(0.5, mean=2)": lambda w: nn.init.normal_(w, 2, 0.5),
    "uniform(-1, 3)": lambda w: nn.init.uniform_(w, -1, 3),
    "constant(2.5)": lambda w: nn.init.constant_(w, 2.5),
    "zeros": nn.init.zeros_,
    "ones": nn.init.ones_,
    "orthogonal(gain=2)": lambda w: nn.init.orthogonal_(w, 2.0),
    "identity": nn.init.eye_,
    "sparse(0.25)": lambda w: nn.init.sparse_(w, 0.25),
    "torch_default": lambda w: w,
}


@pytest.mark.parametrize("written", INITS)
def test_initialisers(written: str, tmp_path: Path) -> None:
    net = loaded(
        tmp_path,
        f"net a {{\n  input x: [9]\n  linear 9 init={written} bias_init=[0, 1, 2, 3, 4, 5, 6, 7, 8]\n  output\n}}\n",
    )
    torch.manual_seed(3)
    module = net.module()
    torch.manual_seed(3)
    linear = nn.Linear(9, 9)
    INITS[written](linear.weight)
    state = module.state_dict()
    assert torch.allclose(state["0.weight"], linear.weight, rtol=1e-6)
    assert torch.equal(state["0.bias"], torch.arange(9.0))
    with torch.device("meta"):
        assert net.module().state_dict().keys() == state.keys()
    assert Graph.model_validate_json(net.graph.model_dump_json()) == net.graph


def test_defaults_reach_blocks_and_the_nearest_wins(tmp_path: Path) -> None:
    net = loaded(
        tmp_path,
        """block inner { conv 1x1 3 -> conv 1x1 3 init=zeros }
block own {
  default conv init=constant(5)
  conv 1x1 3
}
net a {
  input x: 3x4x4
  conv 1x1 3
  default conv init=dirac bias_init=ones
  b: inner
  c: own
  { default conv init=constant(7)
    d: inner }
  e: inner
  f: conv 1x1 3 bias=false init=torch_default
  output
}
""",
    )
    state = net.module().state_dict()
    eye = torch.eye(3)[..., None, None]
    assert not torch.equal(state["0.weight"], eye) and torch.equal(state["b.0.weight"], eye)
    assert torch.equal(state["b.0.bias"], torch.ones(3)) and not state["b.1.weight"].any()
    assert (state["c.0.weight"] == 5).all() and torch.equal(state["e.0.weight"], eye)
    assert (next(value for key, value in state.items() if key.endswith("d.0.weight")) == 7).all()
    assert state["f.weight"].std() > 0


def test_a_declared_initialiser_comes_before_the_languages_own() -> None:
    """An initialiser may be a `let` or a parameter of such a name; `padding_mode=zeros` is still the word."""
    before = "let zeros = constant(3)\nblock b(ones) { conv 1x1 2 init=ones bias_init=zeros padding_mode=zeros }\n"
    inside = "param p: [2, 1, 1] init=zeros\nparam q: [1] init=ones\ndefault linear init=zeros"
    steps = "b [1, 2, 3, 4, 5, 6] -> (it, p, q) -> mul -> flatten -> linear 1"
    net = archlang.Net(graph_of(f"{before}net n {{\ninput x: 3x2x2\n{inside}\n(x) -> {steps}\noutput\n}}"))
    state = net.module(0).state_dict()
    assert state["p"].flatten().tolist() == [3, 3] and state["q"].tolist() == [1]
    assert state["0.0.weight"].flatten().tolist() == [1, 2, 3, 4, 5, 6]
    assert state["0.0.bias"].tolist() == [3, 3] and state["2.weight"].tolist() == [[3] * 8]


def test_a_tied_weight_starts_like_the_weight_it_is_tied_to(tmp_path: Path) -> None:
    text = """net gpt(v=50, w=32, layers=2) {
  input words: [6] dtype=int64
  default linear init=normal(0.02) bias_init=zeros
  default embedding init=normal(0.02)
  wte: embedding v w
  repeat layers { residual { layernorm -> linear (4*w) -> gelu -> linear w init=normal(0.02 / sqrt(2 * layers)) } }
  layernorm -> linear v bias=false weight=wte.weight
  output
}
"""
    module = loaded(tmp_path, text).module()
    torch.manual_seed(0)
    words = torch.randint(50, (64, 6))
    loss = nn.functional.cross_entropy(module(words).flatten(0, 1), words.roll(-1, 1).flatten())
    assert abs(loss.item() - math.log(50)) < 0.02 * math.log(50)


@pytest.mark.parametrize(
    "step, code",
    [
        ("linear 9 init=dirac", "wrong-rank"),
        ("linear 8 init=identity", "out-of-range"),
        ("linear 9 init=normal(-1)", "out-of-range"),
        ("linear 9 init=sparse(2)", "out-of-range"),
        ("linear 9 bias=false bias_init=zeros", "unknown-argument"),
        ("linear 9 bias_init=he_normal", "wrong-rank"),
        ("linear 9 init=[1, 2]", "out-of-range"),
        ("linear 9 init=zeroes", "unknown-name"),
        ("linear 9 init=3", "unknown-initialiser"),
        ("relu init=zeros", "unknown-argument"),
        ("linear 9 init=he_normal(mode=3)", "wrong-kind"),
        ("default relu init=zeros\n  relu", "unknown-argument"),
        ("default linear pad=1\n  linear 9", "unknown-argument"),
        ("default lineer init=zeros\n  linear 9", "unknown-operator"),
    ],
)
def test_an_initialiser_that_does_not_fit_is_refused(step: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(archlang.SpecError) as refused:
        loaded(tmp_path, f"net a {{\n  input x: [9]\n  {step}\n  output\n}}\n")
    assert refused.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    "start",
    [
        '{"word": "dirac", "values": [1.0]}',
        '{"word": "exec", "values": []}',
        '{"word": "normal", "values": [-1.0, 0.0]}',
    ],
)
def test_a_graph_with_a_wrong_start_is_refused(start: str, tmp_path: Path) -> None:
    net = loaded(tmp_path, "net a {\n  input x: [9]\n  linear 9 init=zeros\n  output\n}\n")
    text = net.graph.model_dump_json().replace('{"word":"zeros","values":[]}', start)
    assert start in text
    with pytest.raises(ValueError, match=r"fills|does not fill|deviation"):
        Graph.model_validate_json(text)


def test_diff_lists_another_initialiser(tmp_path: Path) -> None:
    texts = [f"net a {{\n  input x: [9]\n  linear 9 init={start}\n  output\n}}\n" for start in ("zeros", "ones")]
    one, other = (loaded(tmp_path, text).graph for text in texts)
    from archlang.diff import diff

    (change,) = diff(one, other).changes
    assert [(a.name, a.before, a.after) for a in change.arguments] == [("weight starts", "zeros", "ones")]


def test_alexnet_starts_as_its_paper_says() -> None:
    """Section 5: weights of deviation 0.01, biases of 1 in the layers 2, 4, 5, 6 and 7, of 0 in the others."""
    torch.manual_seed(0)
    state = archlang.load("alexnet_2012").module().state_dict()
    ones = {"conv2.bias", "conv4.bias", "conv5.bias", "fc6.bias", "fc7.bias"}
    for key, value in state.items():
        if key.endswith("bias"):
            assert (value == (key in ones)).all(), key
        else:
            assert abs(value.std().item() - 0.01) < 2e-4, key


def test_lenet_starts_as_its_paper_says() -> None:
    """Uniform up to 2.4/fan_in; in c3 a unit sees three, four or six maps (table I)."""
    torch.manual_seed(0)
    state = archlang.load("lenet5_1998").module().state_dict()
    for key, fan_in in {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}.items():
        drawn = torch.cat([state[f"{key}.weight"].flatten(), state[f"{key}.bias"]])
        assert 0.7 * 2.4 / fan_in < drawn.abs().max() <= 2.4 / fan_in, key
    kernels, biases, seen = state["c3.weight"], state["c3.bias"], [3] * 6 + [4] * 9 + [6]
    for unit, bias, maps in zip(kernels.split(seen), biases, seen, strict=True):
        bound = 2.4 / (25 * maps)
        assert 0.9 * bound < unit.abs().max() <= bound
        assert abs(bias) <= bound


@pytest.mark.parametrize(("name", "deviation"), [("zfnet", 0.01), ("vgg11_2014", 0.1)])
def test_zfnet_and_vgg_start_as_their_papers_say(name: str, deviation: float) -> None:
    """Section 3.1 of both: weights of 10^-2, and of a variance of 10^-2; biases of 0."""
    torch.manual_seed(0)
    for key, value in archlang.load(name).module().state_dict().items():
        if key.endswith("bias"):
            assert not value.any(), key
        else:
            assert abs(value.std().item() / deviation - 1) < 0.03, key


@pytest.mark.parametrize(("name", "unit"), [("resnet18", "basic"), ("resnet50", "bottleneck")])
def test_residuals_that_start_at_zero(name: str, unit: str) -> None:
    """torchvision's zero_init_residual: the last norm of each residual."""
    net = archlang.load(name, unit=f"{unit}(last=zeros)")

    def theirs() -> nn.Module:
        made: nn.Module = getattr(torchvision().models, name)(weights=None, zero_init_residual=True)
        return made

    state = seeded(net.module, 0)
    assert equal_starts(state, seeded(theirs, 0))
    assert not state["layer1.0.bn2.weight" if unit == "basic" else "layer1.0.bn3.weight"].any()
    assert not equal_starts(state, seeded(archlang.load(name).module, 0))


def test_a_deviation_that_depth_scales() -> None:
    """GPT-2's: the last layer of each of the 2n residuals has 1/sqrt(2n) of the deviation of the others."""
    text = """let start(depth) = normal(0.02 / sqrt(2*depth))
block layer(depth) { residual { up: linear 400 -> gelu -> down: linear 100 init=start(depth) } }
net n(depth=8) {
  input x: [100]
  default linear init=normal(0.02) bias_init=zeros
  repeat depth { layer depth }
  output
}
"""
    state = archlang.loads(text, depth=18).module(seed=0).state_dict()
    assert len(state) == 4 * 18
    for key, value in state.items():
        if key.endswith("weight"):
            expected = 0.02 / (6 if ".down." in key else 1)
            assert abs(value.std().item() / expected - 1) < 0.03, key


# the step, of an image of 5x6x7, and the number of inputs and of outputs of one of its units
UNITS = {
    "locally_connected 3x2 40": (5 * 6, 40 * 6),
    "tiled_conv 3x2 40 tile=2": (5 * 6, 40 * 6),
    "table_conv 3x3 connections=[[0, 1, 2], [2, 3, 4], [4, 0, 1], [1, 2, 3], [3, 4, 0]]": (3 * 9, 3 * 9),
    "conv 3x2 400": (5 * 6, 400 * 6),
}


DEVIATIONS: list[tuple[str, Callable[[int, int], float]]] = [
    ("he_normal", lambda fan_in, _: math.sqrt(2 / fan_in)),
    ("he_uniform(mode=fan_out, nonlinearity=leaky_relu, slope=0.5)", lambda _, out: math.sqrt(2 / 1.25 / out)),
    ("he_normal(nonlinearity=tanh)", lambda fan_in, _: 5 / 3 / math.sqrt(fan_in)),
    ("xavier_uniform(gain=3)", lambda fan_in, out: 3 * math.sqrt(2 / (fan_in + out))),
    ("xavier_normal", lambda fan_in, out: math.sqrt(2 / (fan_in + out))),
    ("lecun_normal", lambda fan_in, _: math.sqrt(1 / fan_in)),
]


@pytest.mark.parametrize("step", UNITS)
@pytest.mark.parametrize(("start", "deviation"), DEVIATIONS)
def test_fans_are_the_inputs_and_outputs_of_a_unit(
    step: str, start: str, deviation: Callable[[int, int], float]
) -> None:
    net = archlang.loads(f"net n {{ input x: 5x6x7; a: {step} init={start}; output }}")
    drawn = torch.cat([net.module(seed=seed).get_parameter("a.weight").flatten() for seed in range(30)])
    wanted = deviation(*UNITS[step])
    assert abs(drawn.std().item() / wanted - 1) < 0.05
    if "uniform" in start:
        assert 0.97 < drawn.abs().max() / (wanted * math.sqrt(3)) <= 1
    assert net.report().layers[0].starts["weight"].startswith(start.partition("(")[0])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("table_conv 3x3 connections=[[0, 1], [2]] init=he_normal", "asks for the fan_in of this weight"),
        ("table_conv 3x3 connections=[[0, 1], [1, 2]] init=xavier_normal", "asks for the fan_out of this weight"),
        ("table_conv 3x3 connections=[[0, 1], [1, 2]] init=dirac", "fills the kernels of one layer"),
        ("locally_connected 3x3 5 init=orthogonal", "fills the kernels of one layer"),
    ],
)
def test_weights_of_units_that_differ(step: str, message: str) -> None:
    with pytest.raises(archlang.SpecError, match=message):
        archlang.loads(f"net n {{ input x: 5x6x7; {step}; output }}")


@pytest.mark.parametrize(
    ("step", "factor", "value"),
    [
        ("cosine_window_attention 2x2 2", "a.logit_scale", math.log(10)),
        ("std_conv 1x1 4 gamma=1.5", "a.gain", 1.0),
    ],
)
def test_a_trained_factor_is_initialised_only_by_its_own_name(step: str, factor: str, value: float) -> None:
    text = "net n {{ input x: 4x4x4; {} a: {step} {}; output }}"
    if "window" in step:
        text = text.replace("{} a:", '{} permute "n h w c" -> a:')
    for before, argument, expected in [
        ("", "init=normal(0.02)", value),
        (f"default {step.split(maxsplit=1)[0]} init=he_normal;", "", value),
        ("", f"{factor[2:]}_init=constant(3)", 3),
    ]:
        state = archlang.loads(text.format(before, argument, step=step)).module().state_dict()
        torch.testing.assert_close(state[factor], torch.full_like(state[factor], expected))


@pytest.mark.parametrize(
    "op",
    [op for op in registry().values() if not op.declared and op.weights is not Operator.weights],
    ids=lambda op: op.word,
)
def test_each_weight_of_each_operator_is_filled_by_its_name(op: type[Operator]) -> None:
    """The module has the values; the report and `why` show them."""
    (case, *_), (example, *_) = examples(op), op.examples
    weights = [weight for weight in case.op.weights(*case.types) if not weight.buffer]
    said = {weight.name: f"constant({at + 0.5})" for at, weight in enumerate(weights)}
    written = " ".join(f"{name.replace('.', '_')}_init={start}" for name, start in said.items())
    inputs = example.inputs.split(", ")
    lines = sorted((line for at, x in enumerate(inputs) for line in input_lines(f"x{at}", *x.split())), key=_flows)
    values = ", ".join(f"x{at}" for at in range(len(inputs)))
    net = archlang.loads("\n".join(["net n {", *lines, f"({values}) -> a: {example.step} {written}", "output", "}"]))
    parameters = dict(net.module().named_parameters())
    told = {name: f"constant(value={at + 0.5})" for at, name in enumerate(said)}
    for at, name in enumerate(said):
        assert (parameters[f"a.{name}"] == at + 0.5).all(), name
    (layer,) = (layer for layer in net.report().layers if layer.path == "a")
    assert layer.starts == told
    assert {name: str(start) for name, start in net.why("a").layers[0].starts.items()} == told


def _flows(line: str) -> bool:
    return "->" in line


STARTS = """net n {
  input x: 3x6x6
  default batchnorm init=constant(0.5)
  a: { c: conv 1x1 4 init=he_normal }
  b: { c: conv 1x1 4 init=he_normal }
  repeat 3 { conv 1x1 4 -> batchnorm -> batchnorm affine=false }
  fc: conv 1x1 4 init=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] bias_init=zeros
  output
}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name.endswith(".c")', 'name == "a.c"'),  # one begins as torch's module
        ('name.endswith(".c")', 'name.endswith("c")'),  # so begins `fc` too
        ('name == "fc"', 'name == "fd"'),
        ("nn.init.kaiming_normal_(module", "nn.init.kaiming_uniform_(module"),
        ('nonlinearity="relu"', 'nonlinearity="tanh"'),
        ("nn.init.zeros_(module.bias)", "nn.init.ones_(module.bias)"),
        ("                nn.init.zeros_(module.bias)\n", ""),
        ("                if module.weight is not None:\n    ", ""),  # of a norm without weights
        ("isinstance(module, nn.BatchNorm2d)", "isinstance(module, nn.Conv2d)"),
        ("isinstance(module, nn.BatchNorm2d)", "isinstance(module, (nn.BatchNorm2d, nn.Conv2d))"),
        ("0.5)", "0.25)"),
        ("self.named_modules()", "self.b.named_modules()"),
        ("elif isinstance", "if isinstance"),
        ("elif name", "elif not name"),
        ("        self.b = ", "        for module in self.modules():\n            pass\n        self.b = "),
    ],
)
def test_a_source_whose_weights_begin_in_another_way_is_refused(old: str, new: str) -> None:
    graph = graph_of(STARTS)
    text = torch_source(graph)
    assert old in text, text
    with pytest.raises(SourceError, match=r"fill|class"):
        audit(text.replace(old, new, 1), classes_of(program_of(graph)))


def test_weights_without_an_initialiser_are_not_filled() -> None:
    graph = graph_of("net n {\n  input x: [4]\n  linear 4 -> relu\n  output\n}")
    text = torch_source(graph)
    loop = "        for module in self.modules():\n            if isinstance(module, nn.Linear):"
    with pytest.raises(SourceError, match="begin as torch's modules"):
        audit(f"{text}{loop}\n                pass\n", classes_of(program_of(graph)))


def test_a_condition_on_names_leaves_modules_without_weights_alone() -> None:
    text = """
block inner { input y; layernorm -> relu -> z: it; (z, y) -> add; output }
block outer { input x; relu: linear 3 init=ones -> nn: inner; output }
net tried {
  input image: 2x4x4
  default linear init=xavier_uniform
  flatten -> a: outer -> b: outer -> linear 2
  output
}
"""
    made = archlang.loads(text, "tried").module()
    assert isinstance(made.get_submodule("a.nn.relu"), nn.ReLU)  # a step without a label has torch's name
    assert torch.equal(made.get_parameter("b.relu.weight"), torch.ones(3, 3))
    assert not torch.equal(made.get_parameter("3.weight"), torch.ones(2, 3))
