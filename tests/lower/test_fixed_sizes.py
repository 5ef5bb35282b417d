"""A module of a net with a size that was left open and is fixed by a step: another size is refused, never computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archlang.compiler import Net, load
from archlang.lower.audit import SourceError, audit
from archlang.lower.classes import classes_of
from archlang.program import program_of

BODIES = {
    "scale": "input image: [3, S=16, S]\n conv 3x3 4 pad=1 -> scale (1 / S)",
    "a chain": "input image: [3, S=16, S]\n conv 1x1 S",
    "height": "input image: [3, S=16, S]\n let wide = it.height\n conv 1x1 wide -> maxpool 2x2/2",
    "window": "input image: [3, S=16, S]\n maxpool [(S - 13), 3] -> conv 1x1 4",
}


def built(tmp_path: Path, body: str) -> Net:
    path = tmp_path / "net.arch"
    path.write_text(f"net tried {{\n {body}\n output\n}}\n")
    return load(str(path))


@pytest.mark.parametrize("name", BODIES)
def test_another_size_is_refused(name: str, tmp_path: Path) -> None:
    net = built(tmp_path, BODIES[name])
    assert net.graph.fixed_sizes == ("S",)
    module = net.module()
    module(torch.zeros(2, 3, 16, 16))
    for sides in ((24, 24), (16, 24), (24, 16)):
        with pytest.raises(ValueError, match="S of image is 24, and this net is valid at 16 alone"):
            module(torch.zeros(2, 3, *sides))
    text = net.source().replace("image.shape[3] != 16", "image.shape[3] != 17")
    with pytest.raises(SourceError, match="does not check S"):
        audit(text, classes_of(program_of(net.graph)))


def test_a_size_that_stays_open_is_not_checked(tmp_path: Path) -> None:
    net = built(tmp_path, "input image: [3, S=16, S]\n conv 3x3 4 pad=1 -> relu")
    assert "raise" not in net.source()
    assert net.module()(torch.zeros(1, 3, 9, 20)).shape == (1, 4, 9, 20)


def test_a_module_that_checks_is_exported_and_compiled(tmp_path: Path) -> None:
    module = built(tmp_path, BODIES["scale"]).module().eval()
    image = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        wanted = module(image)
        exported = torch.export.export(module, (image,)).module()
        assert torch.equal(exported(image), wanted)
        assert torch.equal(torch.compile(module, backend="eager")(image), wanted)
