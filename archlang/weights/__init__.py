"""Weights from files: checked against a net, loaded into its module, or written under its keys.

`.safetensors` and what `torch.save` writes are read; older key forms of published files are known (`older.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.marks import METADATA, marked
from archlang.weights.fitting import Fit, Misshapen, check_fit, fit
from archlang.weights.older import SCALED, SCALED_BY, Published
from archlang.weights.reading import Held, headers, is_safetensors, tensors, unpickled
from archlang.weights.sound import refuse_odd_tensors, tell_lost_values

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "Fit", "Held", "Misshapen", "WeightsFile", "check_input", "check_weights", "converted", "fit", "fitted_state",
    "headers", "held", "is_safetensors", "load_weights", "refuse_odd_tensors", "tell_lost_values", "tensors",
    "unpickled",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights, and the options that apply to it.

    `entry` names one of several state dicts in a checkpoint. `scaled_input` says that the images will come in the range
    that the file's net works on; it is asked for only of published files whose net scales its input itself.
    """

    path: Path
    entry: str = ""
    scaled_input: bool = False


def check_weights(graph: Graph, file: WeightsFile) -> Fit:
    """Check whether a file fits a net, without building the module. Of a .safetensors file only the header is read.

    Raises `Rejected` with the code `weights-do-not-fit` and every key that does not, or `bad-weights-file`.
    """
    if is_safetensors(file.path) and not file.entry:
        found = check_fit(graph, headers(file.path), str(file.path))
    else:
        given = tensors(file.path, file.entry)
        found = check_fit(graph, held(given), str(file.path))
        tell_lost_values(str(file.path), given, found.names.values())
    check_input(graph, file)
    return found


def load_weights(module: nn.Module, graph: Graph, file: WeightsFile) -> None:
    """Copy all tensors of a file into the module of a Graph. Raises the errors of `check_weights`."""
    module.load_state_dict(_state(graph, file), strict=True)


def converted(graph: Graph, file: WeightsFile) -> bytes:
    """Return the bytes of a file of the same kind with the net's keys, which `load_state_dict` accepts unchanged."""
    state = _state(graph, file)
    if is_safetensors(file.path):
        from safetensors.torch import save

        return save({key: tensor.contiguous() for key, tensor in state.items()}, METADATA)
    import torch

    written = BytesIO()
    torch.save(state, written)
    return marked(written.getvalue(), "pt")


def _state(graph: Graph, file: WeightsFile) -> dict[str, Tensor]:
    """Return the state dict of the net with the file's values."""
    state = fitted_state(graph, tensors(file.path, file.entry), str(file.path))
    check_input(graph, file)
    return state


def fitted_state(graph: Graph, given: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the state dict of a net with the values given, which messages call `name`. Counters that lack are 0.

    Raises `Rejected` with the code `weights-do-not-fit` and every key that does not.
    """
    import torch

    found = check_fit(graph, held(given), name)
    tell_lost_values(name, given, found.names.values())
    state = {ours: given[theirs] for ours, theirs in found.names.items()}
    return state | {key: torch.zeros((), dtype=torch.int64) for key in found.counters}


def held(given: Mapping[str, Tensor]) -> dict[str, Held]:
    """Return the shape and dtype of each tensor."""
    return {key: Held(tuple(value.shape), str(value.dtype).removeprefix("torch.")) for key, value in given.items()}


def check_input(graph: Graph, file: WeightsFile) -> None:
    """Refuse a published file whose net scales its input, unless the spec does so or `scaled_input` is set."""
    if file.scaled_input or graph.arguments.get(SCALED_BY) == "true":
        return
    known = _published(file.path)
    if known is None:
        return
    message = (
        f"{file.path} is torchvision's {known.name}, trained on pixels from -1 to 1: torchvision turns images of "
        f"ImageNet's mean and deviation into these itself (`{SCALED_BY}`), and {graph.name} does not"
    )
    does = f"`{SCALED_BY}=true`, or " if SCALED_BY in graph.arguments else ""
    help = f"{does}scale the images to -1 to 1 and say so: `scaled_input=True`, `--scaled-input`"
    raise Rejected("weights-do-not-fit", message, help=help)


def _published(path: Path) -> Published | None:
    length = round(path.stat().st_size / 2**20, 3)
    likely = [known for known in SCALED if known.mebibytes == length]
    if not likely:
        return None
    digits = sha256(path.read_bytes()).hexdigest()
    return next((known for known in likely if digits.startswith(known.sha256)), None)
