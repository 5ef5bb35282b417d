"""A checked net in Python, and all that can be made of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from archlang.cards import Shown
from archlang.ir import Graph
from archlang.library import CallError

if TYPE_CHECKING:
    from torch import nn

    from archlang.diff import Diff
    from archlang.export import Exported
    from archlang.facts.memory import Memory, Setup
    from archlang.net.fitting import Fit
    from archlang.net.open_sizes import Sizes
    from archlang.ops.layouts import MemoryFormat
    from archlang.render import Look
    from archlang.report import Mode, Report
    from archlang.sizes import Spec
    from archlang.verify import Trial, Verdict
    from archlang.why import Why

__all__ = ["Net"]


@dataclass(frozen=True)
class Net(Shown):
    """A checked net and what can be made of it. `archlang.load` and `archlang.loads` return one.

    `graph` is its Graph: every operator with its arguments and shapes. `spec` is what it was made from, which a net of
    a Graph alone does not have.
    """

    graph: Graph
    spec: Spec | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        """Return one line: the Graph has thousands."""
        root = self.graph.root
        outputs = ", ".join(str(root.types[port.value]) for port in root.outputs)
        return f"<Net {self.graph.name}: {sum(1 for _ in self.graph.flat())} operators, output {outputs}>"

    def _repr_html_(self) -> str:
        """Return the net's totals and parts as HTML."""
        from archlang.net.card import net_card

        return net_card(self.graph)

    def report(self, batch: int = 1, dtype: str | None = None, mode: Mode = "eval") -> Report:
        """Return parameters, work and activations, layer by layer, with totals, for `batch` images.

        `dtype` replaces the float dtypes. `mode` is `eval` for an inference, or `train` for a step of training.
        `to_json()` of the report is what `archlang report --format json` prints, and
        `archlang.report.render_report(report)` returns the table of the command as text.
        """
        from archlang.report import report

        return report(self.graph, batch, dtype, mode)

    def why(self, path: str = "") -> Why:
        """Explain a path: the law of its operator with the numbers filled in, or the sum of a scope by its parts.

        Raises `archlang.diagnostics.Rejected` if nothing has this path.
        """
        from archlang.why import why

        return why(self.graph, path)

    def memory(  # noqa: PLR0913  what is run has eight settings
        self,
        batch: int = 1,
        dtype: str | None = None,
        mode: str = "training",
        optimizer: str = "momentum",
        autocast: str | None = None,
        memory_format: MemoryFormat | None = None,
        *,
        recomputed: Collection[str] = (),
        slim: bool = False,
    ) -> Memory:
        """Return the memory of a training step, or of an inference (`mode="inference"`), over time, in bytes.

        `dtype` (`bf16`, `fp16`, `fp32`, `fp64`) replaces the float dtypes; `autocast` runs forward pass and loss under
        torch.autocast of it. `recomputed`, `slim` and `memory_format` are those of `source`. `peak_bytes` is a lower
        bound if `untold` is not empty. `to_json()` is what `archlang memory --format json` prints. Raises CallError for
        an unknown setting, if the net cannot run in the memory format, or if an operator does not say what it saves;
        and `archlang.diagnostics.Rejected` if it does not say its dtype under autocast.
        """
        from archlang.facts.memory import memory

        setup = _setup(batch, dtype, mode, optimizer, autocast, memory_format)
        try:
            return memory(self.graph, setup, recomputed, slim=slim)
        except ValueError as error:
            raise CallError(str(error)) from None

    def fit(  # noqa: PLR0913  what is run has six settings
        self,
        memory: int | str,
        batch: int | None = None,
        dtype: str | None = None,
        mode: str = "training",
        optimizer: str = "momentum",
        memory_format: MemoryFormat | None = None,
        *,
        autocast: str | None = None,
        ranges: Mapping[str, range] | None = None,
    ) -> Fit:
        """Return what fits in a memory, in bytes or as `24GiB`: the largest batch, and each largest open size.

        With a `batch`, open sizes are those at that batch, and `plan` says by which means it fits.
        Under `autocast` no plan is made, since what is recomputed is not simulated there.
        `ranges` are the values to try of open sizes: `{"H": range(1, 1025)}`. `to_json()` is what
        `archlang fit --format json` prints. Raises CallError for an unknown setting or a range of no open size, and
        `archlang.diagnostics.Rejected` if a plan is needed and scipy is not installed, or if an operator does not say
        its dtype under autocast.
        """
        from archlang.facts.memory.words import bytes_of
        from archlang.net.fitting import fitted

        _refuse_ranges(self.graph, ranges or {})
        setup = _setup(1 if batch is None else batch, dtype, mode, optimizer, autocast, memory_format)
        try:
            budget = bytes_of(str(memory))
            return fitted(self.graph, self.spec, budget, setup, asked=batch is not None, ranges=ranges or {})
        except ValueError as error:
            raise CallError(str(error)) from None

    def sizes(self, ranges: Mapping[str, range] | None = None, *, costs: bool = False) -> Sizes:
        """Return which values of each open size are valid, from 1 to twice the default, or over `ranges`.

        With `costs`, each valid value has its counts. `to_json()` is what `archlang sizes --format json` prints, if
        `costs` were asked for. Raises CallError if the net leaves no size open, or for a range of no open size.
        """
        from archlang.net.open_sizes import Sizes
        from archlang.sizes import open_sizes

        if not self.graph.open_sizes:
            message = f"{self.graph.name} leaves no size open; an input does so by `input image: [3, H=224, W=224]`"
            raise CallError(message)
        if self.spec is None:
            raise CallError(f"{self.graph.name} was made of a Graph alone, which knows one value of each size")
        _refuse_ranges(self.graph, ranges or {})
        return Sizes(open_sizes(self.spec, self.graph, ranges or {}, costs))

    def diff(self, other: Net) -> Diff:
        """Return the changes from this net to another, and the parameters and MACs that each adds.

        `to_json()` is what `archlang diff --format json` prints. Raises CallError if `other` is no net.
        """
        from archlang.diff import diff

        if not isinstance(other, Net):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise CallError(f"`diff` takes a net, such as `archlang.load(...)` returns, and not {other!r}")
        return diff(self.graph, other.graph, fold=False)

    def render(self, format: str = "svg", look: Look | None = None) -> bytes:
        """Return a picture as svg, png, pdf, tex (TikZ), dot or mmd (Mermaid): the figure of a paper.

        `archlang.render.Look` opens parts of it, colours it, or asks for a full drawing of every operator.
        """
        from archlang.render import picture

        return picture(self.graph, format, look=look)

    def source(
        self,
        recomputed: Collection[str] = (),
        memory_format: MemoryFormat | None = None,
        optimize: Literal["inference"] | None = None,
        *,
        slim: bool = False,
    ) -> str:
        """Return the PyTorch source. `recomputed` are paths of calls of blocks that run again in the backward pass,
        or of runs of calls that do so together, such as `layer1.{0..2}`.

        With `memory_format="channels_last"` the module converts its inputs and weights of four axes to that format.
        With `optimize="inference"` each batch normalisation after a convolution becomes a part of it in evaluation
        without gradients; keys and training stay the same. A `slim` module keeps no normalised value that a convolution
        reads: the backward pass makes it again, with the same gradients. Raises ValueError if no block is called at one
        of these paths, the net cannot run in the memory format, or settings are unknown or exclude each other.
        """
        from archlang.lower import torch_source
        from archlang.net.programs import program_for

        return torch_source(program_for(self.graph, recomputed, memory_format, optimize, slim))

    def module(  # noqa: PLR0913  (each stands for itself)
        self,
        seed: int | None = None,
        *,
        weights: str | Path | None = None,
        entry: str = "",
        scaled_input: bool = False,
        recomputed: Collection[str] = (),
        memory_format: MemoryFormat | None = None,
        memory: int | str | None = None,
        batch: int = 1,
        optimizer: str = "momentum",
        optimize: Literal["inference"] | None = None,
    ) -> nn.Module:
        """Return the PyTorch module, made by executing `source()`; `seed` sets its random weights.

        With `memory`, in bytes or as `24GiB`, the module is slim and blocks run again in the backward pass where a step
        of training of `batch` images with this optimiser would not fit otherwise: the plan of `fit`, for the least
        work. Raises CallError if none that was tried fits. With `memory="save"` the module is slim, as that of
        `source(slim=True)`.

        `weights` is the path of a file to load, `.safetensors` or saved by `torch.save`. `entry` names one of several
        state dicts in it. `archlang.weights` explains both and `scaled_input`. Raises `archlang.diagnostics.Rejected`
        if the file does not fit the net. `recomputed`, `memory_format` and `optimize` mean the same as in
        `source`.
        """
        from archlang.lower import module
        from archlang.net.programs import SAVE, program_for

        slim = memory == SAVE
        if memory not in (None, SAVE):
            from archlang.net.fitting import planned

            setup = _setup(batch, None, "training", optimizer, None, memory_format)
            found = planned(self.graph, setup, memory, recomputed, slims=optimize is None)
            recomputed, slim = found.recomputed, found.slim
        made = module(program_for(self.graph, recomputed, memory_format, optimize, slim), seed)
        if weights is not None:
            from archlang.weights import WeightsFile, load_weights

            load_weights(made, self.graph, WeightsFile(Path(weights), entry, scaled_input))
        return made

    def export(self, path: str | Path, module: nn.Module | None = None, format: str | None = None) -> Exported:
        """Write a module of the net to a file that runs without archlang: `onnx`, `pt2` or `torchscript`.

        `module` is one that `module()` made, for instance with weights of a file, or trained since; without it, one of
        seed 0 is exported. The `format` is that of the suffix (`.onnx`, `.pt2`, `.ts`) if none is named. The file is
        loaded again and compared with the module, in evaluation, before it is written. Raises CallError for an unknown
        format, and `archlang.diagnostics.Rejected` if torch cannot write the net, the file differs by more than 1e-4,
        or a package is missing (`pip install "archlang[export]"`).
        """
        from archlang.export import FORMATS, SUFFIXES, exported, format_of
        from archlang.files import write_whole

        chosen = format_of(Path(path), format)
        if chosen is None:
            told = f"{format!r} is no format" if format else f"{path}: no format has this suffix"
            raise CallError(f"{told}; formats are {', '.join(FORMATS)}, and their suffixes {', '.join(SUFFIXES)}")
        data, result = exported(module or self.module(seed=0), self.graph, chosen)
        write_whole(path, data)
        return result

    def verify(self, reference: nn.Module, trial: Trial | None = None) -> Verdict:
        """Compare the net's module with another, which gives it its weights; see `archlang.verify`."""
        from archlang.lower import module
        from archlang.verify import Trial, verify

        return verify(lambda: module(self.graph), reference, self.graph, trial or Trial())


def _setup(
    batch: int, dtype: str | None, mode: str, optimizer: str, autocast: str | None, memory_format: str | None
) -> Setup:  # fmt: skip
    from archlang.facts.memory import setup_of

    if not isinstance(batch, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise CallError(f"a batch is a number of images, not {batch!r}")
    given = {"batch": batch, "dtype": dtype, "optimizer": optimizer, "autocast": autocast}
    given["memory_format"] = memory_format
    try:
        return setup_of(mode, {name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise CallError(str(error)) from None


def _refuse_ranges(graph: Graph, ranges: Mapping[str, object]) -> None:
    """Raise CallError for a range of what is no open size of the net, or one that holds no sizes."""
    for name, sizes in ranges.items():
        if name not in graph.open_sizes:
            listed = ", ".join(graph.open_sizes)
            told = f"the open sizes of {graph.name} are {listed}" if listed else f"{graph.name} leaves no size open"
            raise CallError(f"range of {name}: {told}")
        if not isinstance(sizes, range) or not sizes or min(sizes) < 1:
            raise CallError(f"range of {name}: {sizes!r} is no range of sizes, such as range(1, 1025)")
