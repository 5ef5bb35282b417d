"""Text by characters or bytes: windows of tokens, and the tokens one further on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.recipes.recipe import Part
from archlang.train.data.samples import Data, Sample

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of `length` tokens that follow one another without overlap. `next` is each window, one token later."""

    tokens: Tensor
    length: int

    def __len__(self) -> int:
        return (len(self.tokens) - 1) // self.length

    def __getitem__(self, index: int) -> Sample:
        start = index * self.length
        return {
            "tokens": self.tokens[start : start + self.length],
            "next": self.tokens[start + 1 : start + self.length + 1],
        }


def text(part: Part, path: Path) -> Data:
    """Return a text file, or all .txt files of a folder in order. The end of it is held out.

    `by=characters` numbers the characters that occur, in their order in Unicode; `by=bytes` has 256 values.
    """
    import torch

    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    raw = b"\n".join(file.read_bytes() for file in files)
    if part.arguments["by"] == "bytes":
        tokens, classes = torch.frombuffer(bytearray(raw), dtype=torch.uint8).long(), tuple(map(str, range(256)))
    else:
        try:
            letters = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Rejected(
                "bad-data", f"{path.name} is no UTF-8 text: byte {error.start}; read it `by=bytes`"
            ) from None
        classes = tuple(sorted(set(letters)))
        numbers = {letter: number for number, letter in enumerate(classes)}
        tokens = torch.tensor([numbers[letter] for letter in letters])
    length, held_out = int(part.number("length")), part.number("held_out")
    cut = round(len(tokens) * (1 - held_out))
    parts = [Windows(tokens[:cut], length), Windows(tokens[cut:], length)]
    if min(map(len, parts)) < 1:
        raise Rejected(
            "bad-data", f"{path.name} has {len(tokens):,} tokens, too few for windows of {length} in both parts"
        )
    return Data(parts[0], parts[1], classes)
