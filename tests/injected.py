"""Texts with places for names, strings and numbers, and what is put there: code, quotes, words of Python and torch."""

from __future__ import annotations

import builtins
import keyword
import math
import re
from functools import cache

import torch

from tests.mutations import Choices

# a place is ‹kind:what stands there›, where a word is one of a fixed set; those of one kind and text are one place, so
# that a name changes wherever it stands
_PLACE = re.compile(r"‹(name|word|string|number):([^›]*)›")

NAMES = """
let ‹name:wide› = 4
let ‹name:twice›(‹name:v›, d=2) = max(d, ‹name:v› * 2)
let ‹name:far›(i) = i * ‹number:3›
block ‹name:unit›(‹name:width›, act=relu, ‹name:said›="‹string:words›") {
  input ‹name:port›
  input ‹name:other›
  (‹name:port›, ‹name:other›) -> add -> ‹name:inner›: linear ‹name:width› -> act -> ‹name:kept›: it
  (‹name:kept›, ‹name:port›) -> concat -> linear ‹name:wide›
}
net ‹name:told›(‹name:units›=4) {
  input ‹name:image›: [4]
  input ‹name:second›: [4]
  param ‹name:gain›: [4] init=normal(‹number:0.5›)
  buffer ‹name:places›: [4] init=‹name:far›
  (‹name:image›, ‹name:gain›) -> mul -> ‹name:first›: linear ‹name:units› -> relu
  (it, ‹name:second›) -> ‹name:called›: ‹name:unit› 4 act=leaky_relu(slope=‹number:0.25›) ‹name:said›="‹string:words›"
  ‹name:braces›: { ‹name:within›: linear ‹name:twice›(2) -> relu }
  "‹string:box›.‹string:key›": linear 4
  for ‹name:turn› in range(2) { "‹string:step›{‹name:turn›}": linear 4 }
  ‹name:tied›: linear 4 weight=‹name:first›.weight bias=false
  freeze ‹name:first›, "‹string:box›.‹string:key›"
  (it, ‹name:called›) -> concat -> split 2 axis=1 -> (‹name:left›, ‹name:right›): it
  (‹name:right›, ‹name:left›) -> sub -> ‹name:last›: it
  (‹name:last›, ‹name:places›) -> mul
  output
  expect ‹name:braces›.params == 20
}
net ‹name:derived› = ‹name:told› ‹name:units›=4
"""
OPEN = """
block ‹name:shrunk›(‹name:size›) {
  input *‹name:maps›
  for ‹name:x› in ‹name:maps› { (‹name:x›) -> resize [(‹name:size›), (‹name:size›)] -> ‹name:kept›: it }
  ‹name:kept›
}
net ‹name:sized›(‹name:unused›="‹string:text›") {
  input ‹name:image›: [2, ‹name:H›=8, ‹name:W›=8] dtype=‹word:float32›
  ‹name:image› -> conv 3x3 2 pad=‹word:same› -> ‹name:low›: maxpool 2x2/2
  (‹name:low›) -> resize like=‹name:image› mode=‹word:bilinear› -> ‹name:high›: it
  if ‹name:unused› == "‹string:text›" { relu } else { tanh }
  reuse_it: conv 1x1 2
  (‹name:high›) -> reuse reuse_it -> ‹name:again›: it
  (reuse_it, ‹name:again›) -> add
  output
}
"""
MAPS = """
net maps(rate=‹number:0.1›, count=‹number:2›) {
  input image: ‹number:4›x8x8
  default conv init=he_normal(mode=‹word:fan_out›) bias_init=constant(‹number:0.0›)
  conv ‹number:3›x3/‹number:1› ‹number:4› pad=‹number:1› dilation=‹number:1› groups=‹number:1›
  batchnorm eps=‹number:1e-5› momentum=‹number:0.1› -> leaky_relu slope=‹number:0.01› -> dropout ‹number:0.5›
  groupnorm count -> lrn ‹number:5› alpha=‹number:0.0001› beta=‹number:0.75› -> avgpool 2x2/2 pad=‹number:0›
  conv 1x1 4 init=uniform(‹number:-1›, ‹number:1›) padding_mode=‹word:zeros› pad=‹number:1›
  repeat ‹number:2› as ‹name:at› { conv 1x1 (4 + ‹name:at› * 0) -> elu alpha=‹number:1.0› }
  rearrange "‹string:n c h w -> n (h w) c›"
  permute "‹string:n c t›"
  pad ‹number:1› value=‹number:0.5› -> slice ‹number:0› ‹number:3› axis=‹number:2›
  param scale: [‹number:4›, 1] init=[‹number:1›, ‹number:2›, ‹number:3›, ‹number:4›]
  (it, scale) -> einsum "‹string:n c t, c k -> n t k›" -> flatten -> linear ‹number:3› bias_init=[‹number:1›, 0, 2]
  output
}
"""
TRAINED = """
net ‹name:digits›(‹name:width›=‹number:4›) {
  input ‹name:image›: 1x8x8
  ‹name:conv1›: conv 3x3 ‹name:width› pad=1 -> ‹name:bn1›: batchnorm -> relu
  flatten -> ‹name:fc›: linear 10 -> ‹name:scores›: it
  output ‹name:scores›
}
train ‹name:run›(‹name:rate›=‹number:0.1›) = ‹name:digits› ‹name:width›=4 {
  data digits
  view normalize
  augment randomcrop 8 padding=‹number:1›
  loss ‹number:0.5› * crossentropy ‹name:scores› label_smoothing=‹number:0.05›
  optimizer sgd lr=‹name:rate› momentum=‹number:0.9›
  group ‹name:fc› lr=‹number:0.01›
  group "‹string:conv1›" lr=‹number:0.02›
  freeze ‹name:bn1›
  schedule cosineannealing
  batch ‹number:64›; epochs ‹number:2›
  clip ‹number:1.0›
  metric accuracy
}
"""
TEXTS = (NAMES, NAMES, OPEN, MAPS, TRAINED)
USING = """
use "‹string:used.arch›": ‹name:unit›
net n {
  input x: [4]
  ‹name:label›: ‹name:unit› 4
  output
}
"""
USED = "block ‹name:unit›(width) { linear width -> relu }"

CODE = "__import__('os').mkdir('executed')"
_CODE = [
    CODE, f'"{CODE}"', f'" + {CODE} + "', f"' + {CODE} + '", f'"""\n{CODE}\n"""', f"a\n{CODE}", f"a; {CODE}",
    f"a={CODE}", f"{{{CODE}}}", f"\\{{{CODE}}}", f"a): {CODE} #", f"\\\"; {CODE} #", f"a\\n{CODE}", f"x\r{CODE}",
    f"a\u2028{CODE}", f"a\x0c{CODE}", f"%({CODE})s", f"lambda: {CODE}", f"[{CODE} for _ in [0]]",
]  # fmt: skip
_SPOILT = [
    "", " ", "é", "ﬁ", "ª", "𝐱", "x\u200b", "x\u0301", "０", "_", "__", "__a", "a__", "_a", "a-b", "a.b", ".", "..",
    "a.",
    "0", "00", "1", "1e5", "a" * 100, "a" * 101, "a" * 5000, '"', '""', '"""', "'", "\\", "\\\\", "\\x41", "\\N{DASH}",
    "{", "}", "{{", "}}", "{}", "{0}", "{it}", "{x!r}", "%s", "%", "$x", "#", "# a", "\n", "\r\n", "\t", "\0",
    "\x1b[31m",
    "\u202e", "a b", "a,b", "a:b", "a=b", "a->b", "a|b", "(a)", "[a]", "a[0]", "a()", "a.weight", "*a", "**a", "@a",
    "~a",
    "../../etc/passwd", "/etc/passwd", "C:\\a", "a.arch:b", "zoo:resnet", "\ufeff", "\ud800",
]  # fmt: skip
_NUMBERS = [
    "0", "-0", "-1", "1", "2", "3", "-3", "0.0", "-0.0", ".5", "5.", "1e3", "1e-400", "1e999", "-1e999", "1e-45",
    "0x10",
    "0b1", "0o7", "1_0", "1__0", "1j", "007", "nan", "inf", "-inf", "true", "1K", "1KiB", "1%", "٣", "²", "1/2", "1/0",
    "(1/3)", "(-2)", "(2**31)", "(2**62)", "(2**70)", "99999999999999999999", "1e18", "9e18", "[1]", "[1, 2]", "3x3",
    '"1"',
    "(0.1+0.2)", "(7 // 2)", "(1 if true else 2)", "len([1])", "range(3)", "1000001", "65536", "0.9999999999999999",
]  # fmt: skip


@cache
def words() -> list[str]:
    """Return names that mean something to Python, to torch, to a module or to emitted source."""
    spaces = [torch.nn.Module(), torch.nn.Sequential(), torch.nn, torch.nn.functional, builtins, math, torch.Tensor]
    found = {name for space in spaces for name in dir(space)}
    ours = {"self", "x", "y", "it", "x0", "x1", "nn", "torch", "math", "np", "net", "model", "main", "args", "data"}
    return sorted({*found, *ours, *keyword.kwlist, *keyword.softkwlist})


def plain(text: str) -> str:
    """Return a text with what stands in its places."""
    return _PLACE.sub(lambda found: found[2], text)


def places(text: str) -> list[tuple[str, str]]:
    return sorted({(found[1], found[2]) for found in _PLACE.finditer(text)})


def put(text: str, place: tuple[str, str], given: str) -> str:
    """Return a text with something else in a place, wherever that stands."""
    return plain(text.replace(f"‹{place[0]}:{place[1]}›", given.replace("›", "")))


def drawn(kind: str, choices: Choices) -> str:
    """Return what is put into a place: mostly of its own kind, for one in six of any."""
    kind = choices.one(["name", "string", "number"]) if choices.below(6) == 0 else kind
    if kind == "number":
        return choices.one(_CODE) if choices.below(8) == 0 else choices.one(_NUMBERS)
    if kind in ("name", "word") and choices.below(3):
        return choices.one(words())
    return choices.one([*_CODE, *_SPOILT, *words()] if choices.below(3) == 0 else [*_CODE, *_SPOILT])
