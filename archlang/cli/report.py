"""`archlang report`: what each layer gives, weighs and costs."""

from __future__ import annotations

import argparse

from archlang.cli.command import Command, checked_net, positive, print_warnings
from archlang.shapes import FLOAT_DTYPES


def _report_options(parser: argparse.ArgumentParser) -> None:
    from archlang.report.formats import FORMATS

    parser.add_argument("--style", choices=["table", "cs231n"], default="table", help="the table, or the lecture's")
    parser.add_argument("--format", choices=FORMATS, default="text", help="how it is printed")
    parser.add_argument("--columns", type=_names, default=(), metavar="NAMES", help=_COLUMNS_HELP)
    cut = parser.add_mutually_exclusive_group()
    cut.add_argument("--depth", type=_natural, metavar="N", help="add up what lies deeper than N levels of the path")
    cut.add_argument("--by", choices=["op", "block"], help="add up by operator or by block")
    parser.add_argument("--unfold", action="store_true", help="write every call of a repeated block")
    parser.add_argument("--mode", choices=["eval", "train"], default="eval", help="whose costs are told (eval)")
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images in a batch (1)")
    parser.add_argument("--dtype", choices=FLOAT_DTYPES, help="the dtype of floats (that of the inputs)")


_COLUMNS_HELP = (
    "columns with commas between, such as path,op,macs, or groups of them: default, work, backward, memory, reach, all"
)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"`{text}` has a comma without a name")
    return names


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def _report(arguments: argparse.Namespace) -> int:
    from archlang.library import CallError
    from archlang.report import View, render_report, report

    view = View(arguments.columns, arguments.depth, arguments.by, arguments.unfold)
    if arguments.style == "cs231n" and view.is_cut:
        raise CallError("the lecture's style has its own rows and columns, and takes no --columns, --depth or --by")
    checked = checked_net(arguments)
    print_warnings(checked)
    made = report(checked.graphs[0], arguments.batch, arguments.dtype, arguments.mode)
    print(render_report(made, arguments.style, arguments.format, view).rstrip("\n"))
    return 0


REPORT = Command("what each layer gives, weighs and costs", _report, _report_options)
