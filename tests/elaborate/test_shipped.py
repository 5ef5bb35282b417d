"""Shipped specs, used from an empty folder: what is found, what a name means, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archlang
from archlang.cli import main
from archlang.compiler import check
from archlang.library import CallError
from archlang.paths import SPECS
from archlang.shipped import shipped_files, shipped_nets

OWN = "block resnet18 { conv 1x1 1 }\nnet n { input x: 3x4x4; resnet18; output }\n"
BLOCK = "net n { input x: 256x8x8; bottleneck 64; output }\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(path: str, text: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


def codes(text: str) -> list[str]:
    checked = check(written("main.arch", text))
    return [diagnostic.code for diagnostic in (*checked.diagnostics, *checked.warnings)]


def params(path: str) -> list[int]:
    checked = check(path)
    assert not checked.diagnostics, checked.rendered()
    return [archlang.Net(graph).report().totals.params for graph in checked.graphs]


@pytest.mark.parametrize("name", ["resnet", "resnet18", "zoo:resnet", "zoo:wide_resnet50_2"])
def test_a_block_by_the_name_of_its_file_or_of_a_net_in_it(name: str) -> None:
    convolutions, norms = 256 * 64 + 64 * 64 * 9 + 64 * 256, 2 * (64 + 64 + 256)
    assert params(written("main.arch", f'use "{name}": bottleneck\n{BLOCK}')) == [convolutions + norms]


def test_a_net_is_a_step_by_its_name_without_use() -> None:
    text = "net n { input x: 3x224x224; backbone: resnet18; output }\nnet five = resnet18 classes=5\n"
    text += "net same { input x: 3x224x224; inline resnet18; output }\n"
    checked = check(written("main.arch", text))
    n, five, same = (archlang.Net(graph) for graph in checked.graphs)
    whole = archlang.load("resnet18")
    keys = list(whole.module().state_dict())
    assert list(n.module().state_dict()) == [f"backbone.{key}" for key in keys]
    assert five.report().totals.params == whole.report().totals.params - 995 * 513
    assert list(same.module().state_dict()) == keys


def test_weights_of_the_whole_net_load_into_one_that_calls_it() -> None:
    text = "net n { input x: 3x32x32; inline squeezenet; output }\n"  # whose stem and runs have no default
    assert codes(text) == ["missing-argument"]
    torch.save(archlang.load("lenet5").module(3).state_dict(), "lenet5.pt")
    net = archlang.loads("net n { input x: 1x32x32; inline lenet5; output }")
    image = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.equal(net.module(weights="lenet5.pt")(image), archlang.load("lenet5").module(3)(image))


def test_the_trunk_of_resnet_has_its_keys_and_takes_any_size() -> None:
    text = (
        'use "resnet": basic, trunk\nnet n { input x: [3, H=64, W=64]; backbone: trunk basic [2, 2, 2, 2]; output }\n'
    )
    net = archlang.loads(text)
    keys = [key for key in archlang.load("resnet18").module().state_dict() if not key.startswith("fc.")]
    assert list(net.module().state_dict()) == [f"backbone.{key}" for key in keys]
    assert tuple(net.module().eval()(torch.zeros(1, 3, 96, 40)).shape) == (1, 512, 3, 2)


def test_shipped_files_that_use_others() -> None:
    names = sorted(check(written("main.arch", 'use "inception_v4": basic\nnet n = inception_v4 classes=3\n')).sources)
    assert names == ["main.arch", "zoo:googlenet.arch", "zoo:inception_v3.arch", "zoo:inception_v4.arch"]


def test_a_block_and_what_another_file_declares_by_the_same_name() -> None:
    written("a/resnet.arch", "block bottleneck(w) { conv 1x1 w }\n")
    text = 'use "a/resnet.arch": bottleneck\nuse "resnet": basic\n'
    text += "net n { input x: 256x8x8; bottleneck 64 -> basic 64; output }\n"
    assert params(written("main.arch", text)) == [256 * 64 + 64 + 2 * (64 * 64 * 9 + 128)]


def test_a_file_of_the_users_own_comes_first() -> None:
    written("resnet.arch", "block bottleneck(w) { conv 1x1 w }\n")
    assert codes(f'use "resnet": bottleneck\n{BLOCK}') == ["hides-a-shipped-spec"]
    assert params("main.arch") == [256 * 64 + 64]
    assert codes(f'use "resnet.arch": bottleneck\n{BLOCK}') == []
    assert codes(f'use "zoo:resnet": bottleneck\n{BLOCK}') == []
    assert params("main.arch") != [256 * 64 + 64]
    written("mine.arch", "block bottleneck(w) { conv 1x1 w }\n")
    assert codes(f'use "mine": bottleneck\n{BLOCK}') == []  # nothing else is called that


def test_a_file_does_not_mean_itself() -> None:
    path = written("resnet.arch", f'use "resnet": bottleneck\n{BLOCK}')
    assert len(params(path)) == 1
    written("other.arch", 'use "resnet": n\nblock other { relu }\n')
    written("resnet.arch", f'use "other.arch": other\nuse "zoo:resnet": bottleneck\n{BLOCK}')
    (circle,) = check("resnet.arch").diagnostics
    assert circle.code == "circular-use"
    assert circle.help is not None and 'use "zoo:resnet"' in circle.help


def test_names_of_the_file_come_before_shipped_nets() -> None:
    assert params(
        written("main.arch", "block resnet18 { conv 1x1 1 }\nnet n { input x: 3x4x4; resnet18; output }\n")
    ) == [4]
    labelled = "net n { input x: 3x4x4; resnet18: conv 1x1 1; resnet18 -> relu; output }\n"
    assert params(written("main.arch", labelled)) == [4]
    given = "block apply(lenet5) { lenet5 }\nnet n { input x: 3x4x4; apply conv(1, 1x1); output }\n"
    assert "unknown-operator" not in codes(given)


@pytest.mark.parametrize(
    ("path", "code", "help"),
    [
        ("resnt", "no-such-file", "did you mean `resnet`?"),
        ("blocks", "no-such-file", "the path of a file ends in `.arch`; `archlang zoo` lists the nets"),
        ("zoo:../main", "no-such-file", None),
        ("zoo:/etc/passwd", "no-such-file", None),
        ("zoo:resnet.arch", "no-such-file", "did you mean `resnet`?"),
        ("../specs/resnet", "bad-path", None),
        (f"{SPECS}/resnet.arch", "outside-the-root", None),
    ],
)
def test_a_name_of_no_shipped_spec_is_reported(path: str, code: str, help: str | None) -> None:
    (diagnostic, *_) = check(written("main.arch", f'use "{path}": bottleneck\n{BLOCK}')).diagnostics
    assert diagnostic.code == code
    assert help is None or diagnostic.help == help


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("net n { input x: 3x4x4; resnet81; output }", "did you mean `resnet18`, which comes with archlang?"),
        ("net n = resnt18 classes=4", "did you mean `resnet18`, which comes with archlang?"),
        ("net n { input x: 3x4x4; fire 16 64; output }",
         'at the top of the file, `use "squeezenet": fire` brings in one that comes with archlang'),
        ("net n { input x: 3x64x64; resnet18; output }",
         "write `resize 224x224` before it, or open its sizes in a copy, which `archlang zoo resnet --print` gives"),
    ],
)  # fmt: skip
def test_help_names_what_comes_with_archlang(text: str, help: str) -> None:
    assert check(written("main.arch", text + "\n")).diagnostics[0].help == help


def test_a_text_in_python() -> None:
    net = archlang.loads(
        f'use "resnet": bottleneck\n{BLOCK}net m(k=1) {{ input x: 3x4x4; conv 1x1 k; output }}', "m", k=2
    )
    assert (net.graph.name, net.report().totals.params) == ("m", 8)
    written("blocks.arch", "block b { relu }\n")
    with pytest.raises(archlang.SpecError, match=r"this text has no folder"):
        archlang.loads('use "blocks.arch": b\nnet n { input x: [3]; b; output }')
    with pytest.raises(archlang.CallError, match=r'name one, as in `loads\(text, "a"\)`; it has a, b'):
        archlang.loads("net a { input x: [3]; relu; output }\nnet b = a")
    with pytest.raises(archlang.CallError, match=r"^the text: there is no net `c`; it has a"):
        archlang.loads("net a { input x: [3]; relu; output }", "c")
    with pytest.raises(archlang.CallError, match=r"`archlang\.loads` takes a text"):
        archlang.load("net a { input x: [3]; relu; output }")


def test_the_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["resnet18"], ["resnet"], ["--family", "resnet"], ["resnet18", "resnet50"]):
        assert main(["zoo", "--print", *words]) == 0
        assert capsys.readouterr().out == (SPECS / "resnet.arch").read_text("utf-8")
    for words, told in (
        (["resnet*"], "in several specs"),
        ([], "needs the name"),
        (["resnt18"], "did you mean resnet18?"),
    ):
        assert main(["zoo", "--print", *words]) == 2
        assert told in capsys.readouterr().err


def test_no_net_has_the_name_of_another_shipped_file() -> None:
    homes = {net: path for path, nets in shipped_nets() for net in nets}
    assert len(homes) == sum(len(nets) for _, nets in shipped_nets())
    assert all(homes.get(name, path) == path for name, path in shipped_files().items())


def test_the_name_of_a_shipped_file_stands_for_its_nets() -> None:
    nets = ["deeplabv3_resnet50", "deeplabv3_resnet101", "fcn_resnet50", "fcn_resnet101"]
    assert [graph.name for graph in check("deeplab_v3").graphs] == nets
    assert [graph.name for graph in check("zoo:deeplab_v3:fcn_resnet50").graphs] == ["fcn_resnet50"]
    assert [graph.name for graph in check("vgg16").graphs] == ["vgg16"]  # a net comes first
    with pytest.raises(CallError, match="there is no file vgg16"):
        check("vgg16:vgg11")


def test_a_shipped_file_in_a_folder_uses_others_by_name() -> None:
    """recipes/vit uses `vit`, which has the name of the file itself."""
    text = 'use "zoo:recipes/vit": digits_vit\nnet n { input x: 1x8x8; digits_vit; output }\n'
    assert params(written("main.arch", text)) == params("recipes/vit")
