"""`archlang open`, and `archlang report --format html`: the page of a net, written to a file or shown in a browser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlang.cli.command import (
    Command,
    allow_errors_option,
    checked_net,
    known_of,
    positive,
    print_warnings,
    show_problems,
)
from archlang.cli.output import check_target, output_options
from archlang.shapes import FLOAT_DTYPES

if TYPE_CHECKING:
    from archlang.compiler import Checked
    from archlang.page import PageSetup, Published


def counting_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is counted: `--mode`, `--batch`, `--dtype`."""
    parser.add_argument("--mode", choices=["eval", "train"], default="eval", help="count evaluation or training (eval)")
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="batch size (1)")
    parser.add_argument("--dtype", choices=FLOAT_DTYPES, help="the dtype of floats (default: as in the spec)")


def page_setup(arguments: argparse.Namespace) -> PageSetup:
    """Return what the options ask to be counted."""
    from archlang.page import PageSetup

    return PageSetup(arguments.batch, arguments.dtype, arguments.mode)


def data_of(checked: Checked, setup: PageSetup) -> dict[str, Any]:
    """Return the data of the page of the only net of a spec, with the warnings about it.

    Of a wrong spec, the page shows what is known of the net, and all mistakes.
    """
    from archlang.page import page_data, partial_data
    from archlang.page.data import problems_data

    sources = {checked.source.name: checked.source, **checked.sources}
    if checked.diagnostics:
        return partial_data(known_of(checked), sources, setup)
    data = page_data(checked.graphs[0], sources, setup, _published(checked))
    return {**data, "problems": problems_data(checked.warnings)}


def write_page(arguments: argparse.Namespace, path: Path | None, allow_errors: bool = False) -> tuple[Path, Checked]:
    """Write the page of the SPEC's net, without a path to a folder of its own; return where it is, and what it shows.

    If it may have errors, these are printed.
    """
    from tempfile import mkdtemp

    from archlang.files import portable, write_whole
    from archlang.page import html_page

    checked = checked_net(arguments, allow_errors)
    if path is not None:
        check_target(path, arguments, checked.library.paths)
    if checked.diagnostics:
        show_problems(checked)
    print_warnings(checked)
    data = data_of(checked, page_setup(arguments))
    target = path or Path(mkdtemp(prefix="archlang-")) / f"{portable(data['name'])}.html"
    write_whole(target, html_page(data))
    return target, checked


def _published(checked: Checked) -> Published | None:
    """Return the published accuracy of a shipped net none of whose parameters is replaced."""
    from archlang.page import Published
    from archlang.paths import SPECS
    from archlang.zoo import entry, measured

    paths = checked.library.paths
    if checked.settings or not paths or not paths[0].resolve().is_relative_to(SPECS.resolve()):
        return None
    graph = checked.graphs[0]
    one = entry(checked.facts[0], paths[0].stem, checked.source.text)
    found = measured(str(paths[0]), graph, one)
    if found is None:
        return None
    return Published(found.top1, found.macs if found.side else None, found.side)


def _options(parser: argparse.ArgumentParser) -> None:
    output_options(parser, "keep the page in this file (default: a temporary one)")
    counting_options(parser)
    allow_errors_option(parser)


def _open(arguments: argparse.Namespace) -> int:
    import webbrowser

    path, shown = write_page(arguments, arguments.output, arguments.allow_errors)
    address = path.resolve().as_uri()
    if webbrowser.open(address):
        print(f"opened {path}")
    else:
        print(f"no browser was found here; open {address}")
    return 1 if shown.diagnostics else 0


OPEN = Command("show a net in the browser: graph, spec, costs and memory on one page", _open, _options)
