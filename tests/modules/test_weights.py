"""Weights from files: a file that fits is loaded whole, another is reported key by key, and no file is executed."""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import archlang
from archlang import Net, weights
from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.weights import WeightsFile, check_weights, older
from archlang.weights.expected import expected_weights
from tests.house.test_house import ROOT, without_torch
from tests.specs import first_graphs

SPEC = """net n {
  input x: 1x8x8
  stem: { conv 3x3 4 pad=1 bias=false -> batchnorm -> relu }
  flatten -> fc: linear 3
  output
}
"""
SPECS = [*(ROOT / "specs").glob("*.arch"), *(ROOT / "tests" / "nets").glob("*.arch")]


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Net:
    monkeypatch.chdir(tmp_path)
    Path("n.arch").write_text(SPEC)
    return archlang.load("n.arch")


def drawn(net: Net, seed: int = 1) -> dict[str, Tensor]:
    """Return a state dict of the net, every value of it drawn at random."""
    torch.manual_seed(seed)
    state = net.module().state_dict()
    return {key: torch.rand_like(value) if value.is_floating_point() else value + 7 for key, value in state.items()}


def saved(content: object, name: str = "w.pth", **options: Any) -> Path:
    if name.endswith(".safetensors"):
        from safetensors.torch import save_file

        assert isinstance(content, dict)
        save_file(content, name)
    else:
        torch.save(content, name, **options)
    return Path(name)


def assert_loads(net: Net, path: Path, state: dict[str, Tensor], **options: Any) -> None:
    loaded = net.module(weights=path, **options).state_dict()
    assert list(loaded) == list(state)
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def refused(net: Net, path: Path, **options: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        net.module(weights=path, **options)
    return caught.value


def shipped(name: str) -> str:
    """Return the net from which a shipped spec derives the others."""
    return f"{ROOT / 'specs' / name}.arch:{name}"


# ---- the keys of a net


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_the_keys_are_known_without_the_module(path: Path) -> None:
    for graph in first_graphs(path, 2, ROOT):
        with torch.device("meta"):
            state = Net(graph).module().state_dict()
        told = {key: (one.shape, one.dtype) for key, one in expected_weights(graph).items()}
        assert told == {key: (tuple(value.shape), str(value.dtype)[6:]) for key, value in state.items()}


# ---- files that fit


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors"])
def test_a_file_is_loaded(net: Net, name: str) -> None:
    state = drawn(net)
    assert_loads(net, saved(state, name), state)


def test_a_file_of_before_the_zip_format_is_loaded(net: Net) -> None:
    state = drawn(net)
    assert_loads(net, saved(state, _use_new_zipfile_serialization=False), state)


def test_half_precision_is_taken_as_torch_takes_it(net: Net) -> None:
    state = {key: value.half() if value.is_floating_point() else value for key, value in drawn(net).items()}
    loaded = net.module(weights=saved(state)).state_dict()
    assert all(torch.equal(loaded[key], value.to(loaded[key].dtype)) for key, value in state.items())


@pytest.mark.parametrize("name", ["state_dict", "model", "network"])
def test_a_checkpoint_has_the_weights_in_one_entry(net: Net, name: str) -> None:
    state = drawn(net)
    optimizer = torch.optim.SGD(net.module().parameters(), lr=0.1, momentum=0.9).state_dict()
    assert_loads(net, saved({name: state, "optimizer": optimizer, "epoch": 3, "best": None}), state)


def test_one_of_several_entries_is_asked_for(net: Net) -> None:
    state, other = drawn(net, 1), drawn(net, 2)
    averaged = {f"module.{key}": value for key, value in other.items()} | {"n_averaged": torch.tensor(5)}
    path = saved({"model": state, "model_ema": averaged})
    assert_loads(net, path, state, entry="model")
    assert_loads(net, path, other, entry="model_ema")
    assert "model, model_ema" in refused(net, path).message
    assert "model, model_ema" in refused(net, path, entry="weights").message


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_the_prefixes_of_wrappers_are_taken_off(net: Net, prefix: str) -> None:
    state = drawn(net)
    assert_loads(net, saved({prefix + key: value for key, value in state.items()}), state)


def test_a_part_that_was_wrapped(net: Net) -> None:
    """torch's old ImageNet example ran only the features of AlexNet and VGG in parallel."""
    state = drawn(net)
    assert_loads(net, saved({key.replace("stem.", "stem.module."): value for key, value in state.items()}), state)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_wrappers_are_torchs(net: Net) -> None:
    module = net.module()
    wrapped = nn.DataParallel(module)
    assert_loads(net, saved(wrapped.state_dict()), dict(module.state_dict()))
    averaged = torch.optim.swa_utils.AveragedModel(module)
    assert_loads(net, saved(averaged.state_dict()), dict(module.state_dict()))
    compiled: Any = torch.compile(module)
    assert_loads(net, saved(compiled.state_dict()), dict(module.state_dict()))


def test_a_net_may_have_the_name_of_a_wrapper(tmp_path: Path) -> None:
    spec = tmp_path / "m.arch"
    spec.write_text("net m {\n  input x: [4]\n  module: linear 3\n  output\n}\n")
    own = archlang.load(str(spec))
    state = drawn(own)
    assert set(state) == {"module.weight", "module.bias"}
    torch.save(state, tmp_path / "w.pth")
    assert_loads(own, tmp_path / "w.pth", state)


def test_a_file_without_batch_norms_counters(net: Net) -> None:
    """Those of before torch 0.4.1; torch starts them at 0 then."""
    state = drawn(net)
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(old) == len(state) - 1
    assert_loads(net, saved(old), state | {"stem.1.num_batches_tracked": torch.tensor(0)})


def test_a_frozen_batch_norm_leaves_the_counter_out(net: Net, tmp_path: Path) -> None:
    state = drawn(net)
    path = saved({f"module.{key}": value for key, value in state.items()})
    (tmp_path / "f.arch").write_text(SPEC.replace("batchnorm", "frozen_batchnorm"))
    frozen = archlang.load("f.arch")
    del state["stem.1.num_batches_tracked"]
    assert_loads(frozen, path, state)


# ---- the older forms of published files


def test_densenets_older_keys(torchvision: ModuleType, tmp_path: Path) -> None:
    net = archlang.load(shipped("densenet"), growth=4, depths=[2, 1], stem=8, classes=5)
    state = drawn(net)
    counters = {key: torch.tensor(0) for key in state if key.endswith("num_batches_tracked")}
    published = {key: value for key, value in state.items() if key not in counters}  # they are older than these
    state |= counters
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): value for key, value in published.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "w.pth")
    assert_loads(net, tmp_path / "w.pth", state)

    class Published:
        def get_state_dict(self, **_: object) -> dict[str, Tensor]:
            return dict(old)

    theirs = torchvision.models.DenseNet(4, (2, 1), 8, num_classes=5)
    torchvision.models.densenet._load_state_dict(theirs, Published(), progress=False)
    assert all(torch.equal(value, state[key]) for key, value in theirs.state_dict().items())


def test_vits_older_keys(torchvision: ModuleType, tmp_path: Path) -> None:
    net = archlang.load(shipped("vit"), patch=16, width=24, attention_heads=4, hidden=48, depth=2, classes=5)
    state = drawn(net)
    old = OrderedDict(
        (key.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."), value)
        for key, value in state.items()
    )
    assert "encoder.layers.encoder_layer_0.mlp.linear_1.weight" in old
    torch.save(old, tmp_path / "w.pth")
    assert_loads(net, tmp_path / "w.pth", state)
    theirs = torchvision.models.VisionTransformer(224, 16, 2, 4, 24, 48, num_classes=5)
    theirs.load_state_dict(old, strict=True)  # of its own accord, since there is no version
    assert all(torch.equal(value, state[key]) for key, value in theirs.state_dict().items())


MNASNET = """net mnasnet0_5 {
  input image: 3x32x32
  layers: {
    conv 3x3/2 16 pad=1 bias=false -> batchnorm -> relu
    conv 3x3 16 pad=1 groups=16 bias=false -> batchnorm -> relu
    conv 1x1 8 bias=false -> batchnorm
  }
  output
}
"""


def test_the_first_mnasnet_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scaled.arch").write_text(MNASNET)
    first = MNASNET.replace(" 16 ", " 32 ").replace("=16", "=32").replace("1x1 8", "1x1 16")
    Path("first.arch").write_text(first)
    path = saved(drawn(archlang.load("first.arch")))
    rejected = refused(archlang.load("scaled.arch"), path)
    assert rejected.code == "weights-do-not-fit"
    assert rejected.help is not None and "version 1 of torchvision's MNASNet" in rejected.help
    assert "layers.0.weight" in rejected.message and "32x3x3x3 in the file, 16x3x3x3 in the net" in rejected.message
    other = refused(archlang.load("scaled.arch"), saved({"layers.0.weight": torch.ones(32, 3, 3, 3)}))
    assert other.help is None


def test_torchvisions_own_first_mnasnet(torchvision: ModuleType, tmp_path: Path) -> None:
    """Our message about a file of version 1 agrees with the net that torchvision builds for it."""
    theirs = torchvision.models.mnasnet0_5()
    sizes = torchvision.models.mnasnet._get_depths(0.5)
    stem = [nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, groups=32), nn.BatchNorm2d(32),
            nn.ReLU(), nn.Conv2d(32, 16, 1), nn.BatchNorm2d(16)]  # fmt: skip
    old = theirs.state_dict()
    made = {f"layers.{at}.{key}": value for at, part in enumerate(stem) for key, value in part.state_dict().items()}
    biases = ("layers.0.bias", "layers.3.bias", "layers.6.bias")
    old.update({key: value for key, value in made.items() if key not in biases})
    block = torchvision.models.mnasnet._stack(16, sizes[2], 3, 2, 3, 3, 0.1)
    old.update({f"layers.8.{key}": value for key, value in block.state_dict().items()})
    old._metadata[""]["version"] = 1
    with pytest.warns(UserWarning, match="new version of MNASNet"):
        theirs.load_state_dict(old)
    torch.save(old, tmp_path / "w.pth")
    rejected = refused(archlang.load("mnasnet0_5"), tmp_path / "w.pth")
    assert rejected.help is not None and "version 1" in rejected.help


def test_published_files_whose_net_scales_its_input(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are known by their bytes; here one is made, and known."""
    state = drawn(net)
    path = saved(state)
    digits = sha256(path.read_bytes()).hexdigest()[:8]
    mebibytes = round(path.stat().st_size / 2**20, 3)
    monkeypatch.setattr("archlang.weights.SCALED", (older.Published("googlenet", mebibytes, digits),))
    rejected = refused(net, path)
    assert rejected.code == "weights-do-not-fit" and "transform_input" in rejected.message
    with pytest.raises(Rejected):
        check_weights(net.graph, WeightsFile(path))
    assert_loads(net, path, state, scaled_input=True)
    Path("t.arch").write_text(SPEC.replace("net n", "net t(transform_input=false)"))
    assert "`transform_input=true`" in str(refused(archlang.load("t.arch"), path).help)
    assert_loads(archlang.load("t.arch", transform_input=True), path, state)
    monkeypatch.setattr("archlang.weights.SCALED", (older.Published("googlenet", mebibytes, "0" * 8),))
    assert_loads(net, path, state)


def test_the_published_files_are_torchvisions(torchvision: ModuleType) -> None:
    for known in older.SCALED:
        (found,) = torchvision.models.get_model_weights(known.name)
        assert found.url.endswith(f"-{known.sha256}.pth")
        assert found.meta["_file_size"] == known.mebibytes


# ---- files that do not fit


def test_all_that_does_not_fit_is_listed_with_places(net: Net) -> None:
    state = drawn(net)
    state["head.weight"] = state.pop("fc.weight")
    state["extra"] = torch.zeros(2)
    state["stem.0.weight"] = torch.zeros(4, 3, 3, 3)
    state["stem.1.num_batches_tracked"] = torch.tensor(0.5)
    rejected = refused(net, saved(state))
    assert rejected.code == "weights-do-not-fit"
    assert rejected.message.splitlines() == [
        "w.pth does not fit n: of its keys, 1 missing, 2 unexpected, 2 of another shape",
        "  missing     fc.weight  3x256, at n.arch:4:18; did you mean `head.weight`?",
        "  unexpected  head.weight  3x256",
        "  unexpected  extra        2",
        "  differs     stem.0.weight               4x3x3x3 in the file, 4x1x3x3 in the net, at n.arch:3:11",
        "  differs     stem.1.num_batches_tracked  float32 in the file, int64 in the net, at n.arch:3:42",
    ]


def test_the_data_holds_every_key(net: Net) -> None:
    held = {f"x{number}": weights.Held((2,), "float32") for number in range(100)}
    found = weights.fit(net.graph, held)
    assert not found.fits and len(found.unexpected) == 100 and len(found.missing) == 8
    torch.save({key: torch.zeros(2) for key in held}, "w.pth")
    assert "  unexpected  and 70 more" in refused(net, Path("w.pth")).message.splitlines()


def test_two_keys_for_one_place(net: Net) -> None:
    state = drawn(net)
    state["module.fc.weight"] = state["fc.weight"]
    assert "unexpected  module.fc.weight" in refused(net, saved(state)).message


# ---- files that hold no weights


class Runs:
    """Its pickle runs code when it is read."""

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, ("it-ran", "w")


def test_nothing_in_a_file_is_run(net: Net) -> None:
    rejected = refused(net, saved(Runs()))
    assert rejected.code == "bad-weights-file" and "open" in rejected.message
    assert not Path("it-ran").exists()


def test_a_pickled_module_is_refused_with_what_to_do(net: Net) -> None:
    rejected = refused(net, saved(nn.Linear(2, 2)))
    assert "torch.nn.modules.linear.Linear" in rejected.message
    assert rejected.help is not None and "torch.save(net.state_dict(), FILE)" in rejected.help


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript_is_refused_with_what_to_do(net: Net) -> None:
    scripted: Any = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))
    torch.jit.save(scripted, "w.pth")
    rejected = refused(net, Path("w.pth"))
    assert "TorchScript" in rejected.message and rejected.help is not None


@pytest.mark.parametrize("content", [3, [torch.zeros(2)], {"epoch": 3}, {1: torch.zeros(2)}, {"a": {"b": 2}}], ids=str)
def test_a_file_that_is_no_state_dict_is_refused(net: Net, content: object) -> None:
    assert refused(net, saved(content)).code == "bad-weights-file"


def test_a_missing_file_is_the_systems_error(net: Net) -> None:
    for name in ("absent.pth", "absent.safetensors"):
        with pytest.raises(FileNotFoundError):
            net.module(weights=name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data(), kind=st.sampled_from(["zip", "old", "safetensors", "noise"]))
def test_damaged_files_are_refused(net: Net, data: st.DataObject, kind: str) -> None:
    """Any bytes are refused, or are a file like another."""
    name = "w.safetensors" if kind == "safetensors" else "w.pth"
    saved({"a": torch.ones(2, 3)}, name, **({"_use_new_zipfile_serialization": False} if kind == "old" else {}))
    content = bytearray(Path(name).read_bytes())
    if kind == "noise":
        content = bytearray(data.draw(st.binary(max_size=60)))
    for _ in range(data.draw(st.integers(0, 4)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    Path(name).write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert refused(net, Path(name)).code in ("bad-weights-file", "weights-do-not-fit")


def test_without_the_package_safetensors(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(drawn(net), "w.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    rejected = refused(net, path)
    assert rejected.code == "missing-extra" and rejected.help == 'pip install "archlang[safetensors]"'


# ---- the command


def test_build_checks_the_weights(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    state = drawn(net)
    saved(state)
    assert main(["build", "n.arch", "--weights", "w.pth"]) == 0
    assert capsys.readouterr().out == net.source()
    del state["fc.bias"]
    saved(state)
    assert main(["build", "n.arch", "--weights", "w.pth", "-o", "n.py"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("archlang: error[weights-do-not-fit]: w.pth does not fit n") and not told.out
    assert not Path("n.py").exists() and not Path("n.pt").exists()


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_build_writes_the_weights_beside_the_source(net: Net, suffix: str) -> None:
    state = drawn(net)
    saved({f"module.{key}": value for key, value in state.items()}, f"w.{suffix}")
    assert main(["build", "n.arch", "--weights", f"w.{suffix}", "-o", "out.py"]) == 0
    namespace: dict[str, Any] = {}
    exec(Path("out.py").read_text(), namespace)  # noqa: S102  our own source
    module = namespace["N"]()
    if suffix == "safetensors":
        from safetensors.torch import load_file

        module.load_state_dict(load_file("out.safetensors"), strict=True)
    else:
        module.load_state_dict(torch.load("out.pt", weights_only=True), strict=True)
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())


def test_build_does_not_write_over_the_weights(net: Net, capsys: pytest.CaptureFixture[str]) -> None:
    before = saved(drawn(net), "out.pt").read_bytes()
    assert main(["build", "n.arch", "--weights", "out.pt", "-o", "out.py"]) == 2
    assert "with its weights in out.pt: this command reads that file" in capsys.readouterr().err
    assert main(["build", "n.arch", "--weights", "out.pt", "-o", "other.pt"]) == 2
    assert Path("out.pt").read_bytes() == before
    assert not Path("out.py").exists() and not Path("other.pt").exists()


def test_a_safetensors_file_is_checked_without_torch(net: Net) -> None:
    path = saved(drawn(net), "w.safetensors")
    words = ("build", "n.arch", "--weights", str(path))
    done = without_torch("from archlang.cli import main; sys.exit(main())", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == net.source()
