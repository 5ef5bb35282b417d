"""Programs mutated from specs: by bytes, by tokens and by trees, each from its own seed and number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TypeVar

from tests.parts import Part, Spec, corpus, extent, pools

Item = TypeVar("Item")
Edit = tuple[int, int, str]  # from, to, what stands there instead

ODD = [
    "0", "-1", "1.5", "1e999", "(2**70)", "it", '"{i}"', '"', "{x}", "3x3/2", "/2", "\0", "é", "０", "\r", "\t", "..",
    ")(", "(1//0)", "[]", "->", ";", "|", "{ }", "99999999", "[[1]]", "it.channels", "true", "relu", "0x0", "a=", ":",
]  # fmt: skip


class Choices:
    """Choices that follow from a seed and a number alone, on every machine and in every version of Python."""

    def __init__(self, seed: int, number: int) -> None:
        self._key = f"{seed}:{number}".encode()
        self._drawn = 0

    def below(self, count: int) -> int:
        """Return a whole number from 0 to `count` - 1."""
        self._drawn += 1
        drawn = blake2b(self._drawn.to_bytes(4, "big"), key=self._key, digest_size=8)
        return int.from_bytes(drawn.digest(), "big") % count

    def one(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]


# ---- the three kinds


def by_bytes(spec: Spec, choices: Choices) -> bytes:
    """Return bytes changed, left out, added, doubled or moved, in one to three places."""
    data = bytearray(spec.text.encode())
    for _ in range(1 + choices.below(3)):
        at, count = choices.below(len(data)), 1 + choices.below(8)
        drawn = bytes([choices.one([choices.below(256), 32 + choices.below(95), 10])])
        data[at : at + count] = choices.one(
            [
                drawn + data[at + 1 : at + count],
                bytes([data[at] ^ (1 << choices.below(8))]) + data[at + 1 : at + count],
                drawn + data[at : at + count],
                b"",
                data[at : at + count] * 2,
                bytes(reversed(data[at : at + count])),
            ]
        )
    return bytes(data)


def by_tokens(spec: Spec, choices: Choices) -> bytes:
    """Return tokens replaced (most by one of their own type), left out, doubled, swapped or added."""
    edits: list[Edit] = []
    for _ in range(1 + choices.below(3)):
        token, other = choices.one(spec.tokens), choices.one(spec.tokens)
        start, end = extent(token)
        alike = choices.one(pools()[1][token.type])
        odd = choices.one(ODD)
        replacement = choices.one(
            [alike, alike, alike, alike, "", f"{token} {token}", str(other), odd, f"{odd} {token}"]
        )
        edits.append((start, end, replacement))
    return _edited(spec.text, edits).encode()


def by_trees(spec: Spec, choices: Choices) -> bytes:
    """Return statements, steps, arguments, expressions and braces replaced, left out, doubled or swapped."""
    edits: list[Edit] = []
    for _ in range(1 + choices.below(4)):
        part = choices.one(spec.parts)
        edits += choices.one(TREE_EDITS)(spec, part, choices)
    return _edited(spec.text, edits).encode()


def _replaced(spec: Spec, part: Part, choices: Choices) -> list[Edit]:
    near = [other.text for other in spec.parts if other.role == part.role]
    return [(part.start, part.end, _fitted(part, choices.one([choices.one(near), choices.one(pools()[0][part.role])])))]


def _swapped(spec: Spec, part: Part, choices: Choices) -> list[Edit]:
    other = choices.one([other for other in spec.parts if other.role == part.role])
    if part.start < other.end and other.start < part.end:
        return []
    return [(part.start, part.end, _fitted(part, other.text)), (other.start, other.end, _fitted(other, part.text))]


def _left_out(spec: Spec, part: Part, choices: Choices) -> list[Edit]:
    if part.role in ("value", "name", "body", "bars", "targets") and part.joint == " ":
        return _replaced(spec, part, choices)  # nothing may stand in its place
    return [(part.start, part.after, "")] if part.after else [(part.before or part.start, part.end, "")]


def _doubled(spec: Spec, part: Part, choices: Choices) -> list[Edit]:
    if part.role in ("value", "name", "body", "bars", "targets", "step") and part.joint == " ":
        return _swapped(spec, part, choices)
    return [(part.end, part.end, part.joint + part.text)]


TREE_EDITS: list[Callable[[Spec, Part, Choices], list[Edit]]] = [_replaced, _replaced, _swapped, _left_out, _doubled]


def _fitted(part: Part, text: str) -> str:
    """Return a text for the place of a part: an expression in parentheses, since what is around it may bind closer."""
    return f"({text})" if part.role == "value" and " " in text and text[0] not in '([{"' else text


def _edited(text: str, edits: list[Edit]) -> str:
    """Return the text with the edits made, the last of it first; one that overlaps a later one is left out."""
    limit = len(text) + 1
    for start, end, instead in sorted(edits, reverse=True):
        if end <= limit:
            text, limit = text[:start] + instead + text[end:], start
    return text


KINDS = {"bytes": by_bytes, "tokens": by_tokens, "trees": by_trees}
ORDER = ("trees", "tokens", "trees", "bytes")  # most that are mutated by their tree parse, few by their bytes


def mutated(seed: int, number: int) -> tuple[str, str, bytes]:
    """Return the program of that number: its kind, the spec that it was made from, its bytes."""
    choices = Choices(seed, number)
    kind = ORDER[number % len(ORDER)]
    spec = choices.one(corpus())
    return kind, spec.file, KINDS[kind](spec, choices)
