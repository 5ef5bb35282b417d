"""What each command does: the pipeline's passes, in the order in which a user asks for them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlang.compiler import Net
    from archlang.syntax import Expression

DTYPES = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Command:
    """A command: its help, its options, what it does; `spec` says whether it takes one SPEC or many."""

    help: str
    run: Callable[[argparse.Namespace], int]
    options: Callable[[argparse.ArgumentParser], None]
    spec: str = "one"


# ---- check


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=["text", "json"], default="text", help="how the result is printed")


def _check(arguments: argparse.Namespace) -> int:
    """Check each SPEC: every net that can be built, every promise."""
    from archlang.compiler import check
    from archlang.diagnostics import as_json
    from archlang.facts.work import totals

    settings = _settings(arguments)
    nets: list[dict[str, object]] = []
    diagnostics: list[object] = []
    for spec in arguments.spec:
        checked = check(spec, settings)
        diagnostics += map(as_json, checked.diagnostics)
        if arguments.format == "text" and checked.diagnostics:
            print("\n\n".join(checked.rendered()), file=sys.stderr)
        for graph in checked.graphs:
            counts = totals(graph)
            row: dict[str, object] = {
                "name": graph.name,
                "params": counts.params,
                "macs": counts.macs,
                "promises": len(graph.promises),
            }
            nets.append(row)
            if arguments.format == "text" and not checked.diagnostics:
                kept = f", {row['promises']} promises kept" if len(graph.promises) > 1 else ""
                kept = ", 1 promise kept" if len(graph.promises) == 1 else kept
                print(f"{graph.name}: {counts.params:,} parameters, {counts.macs:,} MACs{kept}")
    if arguments.format == "json":
        import json

        print(json.dumps({"nets": nets, "diagnostics": diagnostics}, indent=2))
    return 1 if diagnostics else 0


# ---- report


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--style", choices=["table", "cs231n"], default="table", help="the table, or the lecture's")
    parser.add_argument("--format", choices=["text", "json", "csv", "md"], default="text", help="how it is printed")
    parser.add_argument("--unfold", action="store_true", help="write every call of a repeated block")
    parser.add_argument("--batch", type=_positive, default=1, metavar="N", help="images in a batch (1)")
    parser.add_argument("--dtype", choices=DTYPES, help="the dtype of floats (that of the inputs)")


def _report(arguments: argparse.Namespace) -> int:
    from archlang.report import render_report

    report = _net(arguments).report(arguments.batch, arguments.dtype)
    print(render_report(report, arguments.style, arguments.format, arguments.unfold).rstrip("\n"))
    return 0


# ---- render


def _render_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="svg, png, pdf or dot, by its suffix"
    )


def _render(arguments: argparse.Namespace) -> int:
    from archlang.compiler import CallError
    from archlang.files import write_whole
    from archlang.render import FORMATS

    format = arguments.output.suffix.lstrip(".").lower()
    if format not in FORMATS:
        raise CallError(f"{arguments.output}: a picture ends in {', '.join('.' + name for name in FORMATS)}")
    write_whole(arguments.output, _net(arguments).render(format))
    return 0


# ---- build


def _build_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where the source goes (standard output)")


def _build(arguments: argparse.Namespace) -> int:
    from archlang.files import write_whole

    source = _net(arguments).source()
    if arguments.output is None:
        print(source, end="")
    else:
        write_whole(arguments.output, source)
    return 0


# ---- train


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", choices=["mnist"], required=True, help="mnist: 5,000 digits, 1,000 of them held out")
    parser.add_argument("--epochs", type=_positive, default=30, metavar="N", help="passes over the data (30)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the weights, the order and the shifts (0)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where it trains (cpu)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the checkpoint (NAME.pt, or a free name like it)"
    )


def _train(arguments: argparse.Namespace) -> int:
    from archlang.cli.training import train_and_save

    train_and_save(_net(arguments), arguments)
    return 0


# ---- demo


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=_positive, default=30, metavar="N", help="passes over the digits (30)")
    parser.set_defaults(spec="lenet5", settings=[], data="mnist", seed=0, device="cpu", output=None)


def _demo(arguments: argparse.Namespace) -> int:
    from archlang.cli.training import demo

    demo(_net(arguments), arguments)
    return 0


# ---- what the commands share


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _settings(arguments: argparse.Namespace) -> dict[str, Expression]:
    from archlang.compiler import CallError, setting

    settings: dict[str, Expression] = {}
    for text in arguments.settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise CallError(f"--set {text}: write --set NAME=VALUE")
        settings[name.strip()] = setting(name.strip(), value)
    return settings


def _net(arguments: argparse.Namespace) -> Net:
    """The one net that a command is about; what is wrong with its spec ends the command."""
    from archlang.compiler import Net, SpecError, check

    checked = check(arguments.spec, _settings(arguments), only=True)
    if checked.diagnostics:
        raise SpecError(checked)
    return Net(checked.graphs[0])


COMMANDS = {
    "check": Command("check specs and the promises in them", _check, _check_options, spec="many"),
    "report": Command("what each layer gives, weighs and costs", _report, _report_options),
    "render": Command("draw a net as svg, png, pdf or dot", _render, _render_options),
    "build": Command("print the PyTorch source of a net", _build, _build_options),
    "train": Command("train a net on real digits", _train, _train_options),
    "demo": Command("check, report, draw, build and train LeNet-5", _demo, _demo_options, spec=""),
}
