"""`archlang memory`: the memory that a training step or an inference allocates, over time and at its peak."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net, positive, show_diagnostics
from archlang.cli.tables import room_of, show_sheet, wide_option
from archlang.shapes import SHORT_DTYPES

if TYPE_CHECKING:
    from archlang.compiler import Checked
    from archlang.facts.memory import AutocastUnknown, Memory, Setup
    from archlang.facts.memory.cuda import Reserved
    from archlang.ir import Graph
    from archlang.ops.layouts import MemoryFormat

LAYERS = 10  # the number of layers listed


def setup_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is run: `--dtype`, `--autocast`, `--mode`, `--optimizer`, `--memory-format`."""
    from archlang.facts.memory.setup import LOWER

    parser.add_argument(
        "--dtype", type=_dtype, metavar="DTYPE",
        help=f"the dtype of weights, activations and gradients, one of {', '.join(SHORT_DTYPES)} (that of the spec)",
    )  # fmt: skip
    parser.add_argument(
        "--autocast",
        choices=[short for short, name in SHORT_DTYPES.items() if name in LOWER],
        help="run forward pass and loss under torch.autocast with this dtype; excludes --dtype",
    )
    parser.add_argument(
        "--mode",
        choices=["training", "inference"],
        default="training",
        help="simulate a training step or an inference (training)",
    )
    parser.add_argument(
        "--optimizer",
        choices=OPTIMIZER_NAMES,
        default="momentum",
        help="the optimizer whose state is counted (momentum: SGD with momentum)",
    )
    memory_format_option(parser)


def memory_bytes(text: str) -> int:
    """Return the bytes of an option such as `24GiB`."""
    from archlang.facts.memory.words import bytes_of

    try:
        return bytes_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def memory_or_save(text: str) -> int | str:
    """Return the bytes of an option such as `24GiB`, or `save`."""
    return text if text == "save" else memory_bytes(text)


def memory_format_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--memory-format`."""
    parser.add_argument(
        "--memory-format",
        choices=MEMORY_FORMATS,
        help="run in this memory format: the module converts its inputs and weights of four axes",
    )


def checked_format(graph: Graph, arguments: argparse.Namespace) -> MemoryFormat | None:
    """Return the memory format that is asked for. Raises CallError if the net cannot run in it."""
    from archlang.library import CallError
    from archlang.program import program_of
    from archlang.program.passes import in_memory_format

    format: MemoryFormat | None = arguments.memory_format
    try:
        in_memory_format(program_of(graph), format)
    except ValueError as error:
        raise CallError(f"--memory-format: {error}") from None
    return format


MEMORY_FORMATS = ("channels_last",)
OPTIMIZER_NAMES = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad")


def setup_of(arguments: argparse.Namespace, graph: Graph, batch: int) -> Setup:
    """Return the setup that the options describe, for a net and a batch of this size.

    Raises CallError if the net cannot run in the memory format, or if the options exclude each other.
    """
    from archlang.facts.memory import Setup
    from archlang.library import CallError

    format, autocast = checked_format(graph, arguments), SHORT_DTYPES.get(arguments.autocast)
    try:
        return Setup(batch, arguments.dtype, arguments.mode, arguments.optimizer, autocast, format)
    except ValueError as error:
        raise CallError(str(error)) from None


def print_unknown(checked: Checked, unknown: AutocastUnknown) -> int:
    """Print at which step the dtype under autocast is unknown, and return the exit status."""
    from archlang.diagnostics import Diagnostic

    step = Diagnostic(unknown.code, unknown.message, unknown.layer.node.span, help=unknown.help)
    show_diagnostics([step], checked.sources)
    return 2


def _dtype(text: str) -> str:
    name = SHORT_DTYPES.get(text, text)
    if name not in SHORT_DTYPES.values():
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join((*SHORT_DTYPES, *SHORT_DTYPES.values()))}")
    return name


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="batch size (1)")
    setup_options(parser)
    parser.add_argument(
        "--slim", action="store_true",
        help="of the module that `archlang build --memory save` prints: no normalised value is kept for a convolution",
    )  # fmt: skip
    parser.add_argument(
        "--cuda", action="store_true",
        help="add what CUDA's caching allocator would reserve for the same allocations",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=["text", "json", "csv"], default="text",
        help="the peak as text, the whole timeline as csv, or both as json",
    )  # fmt: skip
    wide_option(parser)


def _memory(arguments: argparse.Namespace) -> int:
    from archlang.facts.memory import AutocastUnknown
    from archlang.facts.memory.cuda import reserved
    from archlang.library import CallError

    checked = checked_net(arguments)
    graph = checked.graphs[0]
    if arguments.cuda and arguments.format == "csv":
        raise CallError("--cuda adds a total, and csv has a row for each moment: use --format text or json")
    try:
        made = _told(graph, arguments)
    except AutocastUnknown as unknown:
        return print_unknown(checked, unknown)
    cuda = reserved(graph, made.setup, slim=arguments.slim) if arguments.cuda else None
    if arguments.format == "csv":
        from archlang.sheets import Sheet, as_csv

        rows = tuple(
            (m.phase, m.path, m.op, m.times, m.peak_bytes, m.with_scratch_bytes, m.after_bytes) for m in made.timeline
        )
        names = ("phase", "path", "op", "times", "peak_bytes", "with_scratch_bytes", "after_bytes")
        print(as_csv(Sheet(names, rows)))
    elif arguments.format == "json":
        import json

        print(json.dumps({**made.to_json(), **({"cuda": asdict(cuda)} if cuda else {})}, indent=2))
    else:
        _show(made, _operators(graph), room_of(arguments), cuda)
    return 0


def _told(graph: Graph, arguments: argparse.Namespace) -> Memory:
    from archlang.facts.memory import memory
    from archlang.facts.untold import UnknownFact
    from archlang.library import CallError

    setup = setup_of(arguments, graph, arguments.batch)
    try:
        return memory(graph, setup, slim=arguments.slim)
    except UnknownFact as error:
        raise CallError(str(error)) from None
    except ValueError as error:
        raise CallError(f"--autocast: {error}") from None


def _on_cuda(cuda: Reserved | None) -> tuple[str, ...]:
    from archlang.facts.memory.words import amount

    if cuda is None:
        return ()
    told = f"on CUDA {amount(cuda.reserved_bytes)} reserved in {cuda.segments} segments for these allocations"
    return (f"{told}, of which {amount(cuda.rounded_bytes)} are in use at most; without what its kernels take",)


def _show(made: Memory, operators: Mapping[str, str], room: int | None, cuda: Reserved | None) -> None:
    """Print what is allocated at the peak, by kind and by layer. `operators` has the words of each path."""
    from archlang.facts.memory.words import amount, described, where
    from archlang.sheets import Sheet

    least = "at least " if made.unscratched else ""
    above = (
        f"{made.name}: {described(made.setup)}",
        f"peak {'at least ' if made.untold else ''}{amount(made.peak_bytes)}, {where(made.moment)}",
        f"with scratch {least}{amount(made.with_scratch_bytes)}, {where(made.highest)}",
        *missing(made),
        *_on_cuda(cuda),
    )
    total = ("total", made.peak_bytes, _share(made.peak_bytes, made))
    kinds = tuple((kind, size, _share(size, made)) for kind, size in made.by_kind.items())
    show_sheet(Sheet(("allocated at the peak", "bytes", "share"), kinds, total, above), room)
    found = list(made.by_layer.items())
    layers = tuple((path, operators.get(path, ""), size, _share(size, made)) for path, size in found[:LAYERS])
    of_all = f"the {LAYERS} largest of {len(found)} layers and inputs" if len(found) > LAYERS else "layer by layer"
    told = f"the same bytes, {of_all}: their activations, gradients, parameters and optimizer state"
    print()
    show_sheet(Sheet(("layer", "operator", "bytes", "share"), layers, above=(told,)), room)


def _operators(graph: Graph) -> dict[str, str]:
    """Return the operators at each path, and for each name of an input what it is."""
    found: dict[str, dict[str, None]] = {port.name: {"input": None} for port in graph.root.inputs}
    for layer in graph.flat():
        found.setdefault(layer.path, {})[layer.op.word] = None
    return {path: ", ".join(words) for path, words in found.items()}


def missing(made: Memory) -> tuple[str, ...]:
    """Return a line each for the temporaries and the scratch that are unknown."""
    from archlang.facts.untold import listed

    unknown = {"temporaries are": made.untold, "scratch is": made.unscratched}
    return tuple(f"{what} missing: {listed(which)}" for what, which in unknown.items() if which)


def _share(size: int, made: Memory) -> str:
    return f"{100 * size / made.peak_bytes:.1f}%" if made.peak_bytes else "-"


MEMORY = Command("show the memory of a training step or an inference over time, and its peak", _memory, _options)
