"""Arguments that are made of sizes when a net runs, as `why` and `diff` show them."""

from __future__ import annotations

import pytest

import archlang
from archlang.diff import diff
from archlang.why.text import why_text

NET = """block up {{
  input deep
  input kept
  (deep) -> resize like=kept
}}
net n {{
  input image: [3, H={height}, W=32]
  a: {{ inner: conv 3x3 4 pad=1; tanh }}
  conv 3x3/2 4 pad=1
  small: resize {size}
  b: rearrange "n c (h={{it.height // 2}} a) w -> n (c a) h w"
  (b, a) -> up
  output
}}
"""
OPEN = "[(int(it.height * 0.5)), (max(a.inner.width, W) // 4)]"
WRITTEN = "[int(it.height * 0.5), max(a.inner.width, image.width) // 4]"


def net(size: str = OPEN, height: int = 32) -> archlang.Net:
    return archlang.loads(NET.format(size=size, height=height))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("small", {"size": WRITTEN}),
        ("b", {"pattern": '"n c (h={it.height // 2} a) w -> n (c a) h w"'}),
        ("4.0", {"size": "[kept.height, kept.width]"}),
        ("1", {}),
    ],
)
def test_why_shows_how_an_argument_is_made(path: str, expected: dict[str, str]) -> None:
    told = net().why(path)
    assert told.layers[0].sizes == expected
    lines = [line for line in why_text(told, {}).splitlines() if "when run" in line]
    assert lines == [f"  when run   {name}={text}" for name, text in expected.items()]


def test_what_is_shown_can_be_written() -> None:
    """What `why` shows of a size is an expression of the language."""
    numbers = WRITTEN.removeprefix("[").removesuffix("]").split(", ", 1)
    again, (small,) = net(f"[({numbers[0]}), ({numbers[1]})]"), net().why("small").layers
    assert again.why("small").layers[0].sizes == small.sizes == {"size": WRITTEN}


def test_diff_compares_how_arguments_are_made() -> None:
    changes = {name: change for change in diff(net().graph, net("8x8").graph).changes for name in change.after or ()}
    (change,) = changes["small"].arguments  # both are 8x8 at the default
    assert (change.name, change.before, change.after) == ("size", WRITTEN, "8x8")


def test_diff_tells_no_argument_that_follows_from_the_input() -> None:
    found = diff(net().graph, net(height=64).graph).changes
    assert [change.words[1] for change in found if change.kind == "changed"] == ["input"]
    assert not any(change.arguments for one in found for change in one.every())
