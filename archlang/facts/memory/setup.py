"""What is run: how many images, in which dtype, for training with which optimiser or for inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from archlang.facts.memory.optimizers import OPTIMIZERS
from archlang.ops.base import Weight
from archlang.ops.layouts import MEMORY_FORMATS, MemoryFormat
from archlang.shapes import FLOAT_DTYPES, SHORT_DTYPES, bytes_of, in_dtype

Mode = Literal["training", "inference"]
MODES: tuple[Mode, ...] = ("training", "inference")
LOWER = ("bfloat16", "float16")  # the dtypes of autocast


@dataclass(frozen=True, slots=True)
class Setup:
    """A step of training, or inference, over `batch` images.

    `dtype` replaces the float dtypes, also in the weights, the gradients and the optimiser's state. With `autocast` the
    weights keep their dtype, and forward and loss run under torch.autocast of that dtype. In a `memory_format` the
    module converts its inputs and weights of four axes. Raises ValueError if the batch is below 1, if both dtype and
    autocast are given, or if the dtype, autocast, mode, optimiser or memory format is unknown.
    """

    batch: int = 1
    dtype: str | None = None
    mode: Mode = "training"
    optimizer: str = "momentum"
    autocast: str | None = None
    memory_format: MemoryFormat | None = None

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"a batch has at least 1 image, not {self.batch}")
        for name, given, known in (
            ("dtype", self.dtype or FLOAT_DTYPES[0], FLOAT_DTYPES),
            ("autocast", self.autocast or LOWER[0], LOWER),
            ("mode", self.mode, MODES),
            ("optimizer", self.optimizer, tuple(OPTIMIZERS)),
            ("memory_format", self.memory_format or MEMORY_FORMATS[0], MEMORY_FORMATS),
        ):
            if given not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {given}")
        if self.dtype and self.autocast:
            raise ValueError("autocast casts float32; give a dtype or autocast, not both")

    @property
    def training(self) -> bool:
        return self.mode == "training"

    def bytes(self, shape: tuple[int, ...], dtype: str) -> int:
        """Return bytes of a tensor; `shape` includes the batch."""
        return bytes_of(shape, in_dtype(dtype, self.dtype))

    def weight_bytes(self, weight: Weight) -> int:
        """Return bytes of a weight."""
        return self.bytes(weight.shape, weight.dtype)


def setup_of(mode: str, given: Mapping[str, int | str]) -> Setup:
    """Return the setup of a mode with the given `batch`, `dtype`, `optimizer`, `autocast` and `memory_format`.

    The mode `peak` is the given `mode`, training by default.

    A dtype's name may be short: `bf16`.

    Raises ValueError as `Setup` does.
    """

    def dtype(name: str) -> str | None:
        return SHORT_DTYPES.get(str(given[name]), str(given[name])) if name in given else None

    mode = str(given.get("mode", "training")) if mode == "peak" else mode
    batch, optimizer = given.get("batch", 1), given.get("optimizer", "momentum")
    format = cast("MemoryFormat | None", given.get("memory_format"))
    return Setup(int(batch), dtype("dtype"), cast(Mode, mode), str(optimizer), dtype("autocast"), format)
