"""Continues a text with a net that was trained to give the next token at each position."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.train.predicting import Predictor

if TYPE_CHECKING:
    from torch import Tensor


def continued(predictor: Predictor, prompt: str, tokens: int, temperature: float = 1.0, seed: int = 0) -> str:
    """Return so many tokens that follow a prompt, drawn from the probabilities of the net.

    `temperature` divides the scores; at 0 the most probable token is taken. The same seed gives the same text. Raises
    `Rejected` if the net was not trained on text, if a character does not occur there, or if the net is not causal and
    the prompt is shorter than its window.
    """
    import torch

    record = predictor.record
    if record.data != "text":
        help = "name the folder of a run with `data text`"
        raise Rejected("bad-data", "only a net that was trained by `data text` continues a text", help=help)
    by_bytes = record.arguments["by"] == "bytes"
    numbers = list(prompt.encode()) if by_bytes else _numbered(prompt, record.classes)
    if not numbers:
        raise Rejected("bad-data", "the prompt is empty: a net continues at least one token")
    generator = torch.Generator().manual_seed(seed)
    made: list[int] = []
    _check_causal(predictor, numbers)
    for _ in range(tokens):
        scores = _scores(predictor, [*numbers, *made], 0).double()
        if temperature == 0:
            made.append(int(scores.argmax()))
        else:
            shares = (scores / temperature).softmax(0)
            made.append(int(torch.multinomial(shares, 1, generator=generator)))
    if by_bytes:
        return bytes(made).decode(errors="replace")
    return "".join(record.classes[one] for one in made)


def prompt_of(path: Path) -> str:
    """Return the text of a file, or of standard input for `-`, without its last line end."""
    if str(path) != "-" and not path.is_file():
        raise Rejected("bad-data", f"{path}: there is no such file")
    raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    try:
        return raw.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise Rejected("bad-data", f"{path}: this is no UTF-8 text: byte {error.start}") from None


def _numbered(prompt: str, characters: tuple[str, ...]) -> list[int]:
    places = {character: number for number, character in enumerate(characters)}
    odd = next((one for one in prompt if one not in places), None)
    if odd is not None:
        raise Rejected("bad-data", f"`{odd}` does not occur in the text that the net was trained on")
    return [places[one] for one in prompt]


def _scores(predictor: Predictor, numbers: list[int], filler: int) -> Tensor:
    """Return the scores of the token that follows. A text shorter than the window is filled up behind its end."""
    import torch

    root = predictor.record.graph.root
    window = root.types[root.inputs[0].value].shape[1]
    seen = numbers[-window:]
    given = torch.tensor([[*seen, *[filler] * (window - len(seen))]])
    port = next(one for one in root.outputs if not one.training)
    type = root.types[port.value]
    output = predictor.outputs({root.inputs[0].name: given})[port.name]
    at = type.axes.index("c") if "c" in type.axes else output.dim() - 1
    return output.movedim(at, -1)[0, len(seen) - 1]


def _check_causal(predictor: Predictor, numbers: list[int]) -> None:
    """Raise `Rejected` if what fills up a window behind the end of a text changes what is predicted there."""
    import torch

    root = predictor.record.graph.root
    window = root.types[root.inputs[0].value].shape[1]
    last = len(predictor.record.classes) - 1
    if len(numbers) < window and not torch.equal(_scores(predictor, numbers, 0), _scores(predictor, numbers, last)):
        message = f"{predictor.record.graph.name} sees later tokens, too, so a prompt must have {window} or more"
        raise Rejected("bad-data", message, help="a causal net, as by `sdpa causal=true`, takes any prompt")
