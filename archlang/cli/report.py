"""`archlang report`: what each layer gives, weighs and costs."""

from __future__ import annotations

import argparse

from archlang.cli.command import Command, net_of, positive

DTYPES = ("float16", "bfloat16", "float32", "float64")


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--style", choices=["table", "cs231n"], default="table", help="the table, or the lecture's")
    parser.add_argument("--format", choices=["text", "json", "csv", "md"], default="text", help="how it is printed")
    parser.add_argument("--unfold", action="store_true", help="write every call of a repeated block")
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images in a batch (1)")
    parser.add_argument("--dtype", choices=DTYPES, help="the dtype of floats (that of the inputs)")


def _report(arguments: argparse.Namespace) -> int:
    from archlang.report import render_report

    report = net_of(arguments).report(arguments.batch, arguments.dtype)
    print(render_report(report, arguments.style, arguments.format, arguments.unfold).rstrip("\n"))
    return 0


REPORT = Command("what each layer gives, weighs and costs", _report, _report_options)
