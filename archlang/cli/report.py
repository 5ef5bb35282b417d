"""`archlang report`: the output, parameters, work and memory of each layer."""

from __future__ import annotations

import argparse

from archlang.cli.command import Command, allow_errors_option, checked_net, natural, print_warnings
from archlang.cli.output import output_options
from archlang.cli.page import counting_options, write_page
from archlang.cli.tables import room_of, show_sheet, wide_option


def _report_options(parser: argparse.ArgumentParser) -> None:
    from archlang.report.formats import FORMATS

    parser.add_argument(
        "--style",
        choices=["table", "cs231n"],
        default="table",
        help="a general table, or the one of the CS231n lecture",
    )
    parser.add_argument("--format", choices=(*FORMATS, HTML), default="text", help="the output format (text)")
    output_options(parser, "the file for the page of --format html")
    parser.add_argument("--columns", type=_names, default=(), metavar="NAMES", help=_COLUMNS_HELP)
    cut = parser.add_mutually_exclusive_group()
    cut.add_argument("--depth", type=natural, metavar="N", help="sum the layers below N levels of their paths")
    cut.add_argument("--by", choices=["op", "block"], help="sum by operator or by block")
    parser.add_argument("--full", action="store_true", help="list every layer, however many there are")
    wide_option(parser)
    allow_errors_option(parser)
    counting_options(parser)


HTML = "html"
_COLUMNS_HELP = (
    "a comma-separated list of columns, such as path,op,macs, or groups: default, work, backward, memory, reach, all"
)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"`{text}` has a comma without a name")
    return names


def _report(arguments: argparse.Namespace) -> int:
    from archlang.library import CallError
    from archlang.report import View, render_report, report, table

    is_page = arguments.format == HTML
    if is_page != (arguments.output is not None):
        raise CallError("--format html needs -o FILE" if is_page else "-o FILE is for --format html")
    view = View(arguments.columns, arguments.depth, arguments.by, arguments.full)
    if arguments.style == "cs231n" and view.is_cut:
        raise CallError("the lecture's style has its own rows and columns, and takes no --columns, --depth or --by")
    if is_page:
        if view.is_cut or arguments.full or arguments.style != "table":
            raise CallError("a page has every layer, and takes no --style, --columns, --depth, --by or --full")
        _, shown = write_page(arguments, arguments.output, arguments.allow_errors)
        return 1 if shown.diagnostics else 0
    if arguments.allow_errors:
        raise CallError("--allow-errors is for --format html: a table of a part would have wrong sums")
    checked = checked_net(arguments)
    print_warnings(checked)
    made = report(checked.graphs[0], arguments.batch, arguments.dtype, arguments.mode)
    if (arguments.style, arguments.format) == ("table", "text"):
        show_sheet(table(made, view), room_of(arguments))
    else:
        print(render_report(made, arguments.style, arguments.format, view).rstrip("\n"))
    return 0


REPORT = Command("list the output, parameters, work and memory of each layer", _report, _report_options)
