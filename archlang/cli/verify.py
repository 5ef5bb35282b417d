"""`archlang verify`: a net held against a module of somebody else's."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from archlang.cli.command import Command, net_of, positive

if TYPE_CHECKING:
    from archlang.verify import Trial

DTYPES = ("float16", "bfloat16", "float32", "float64")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--against",
        required=True,
        metavar="MODULE:CALLABLE",
        help="what makes the reference, such as torchvision.models:resnet18 or model.py:Net; it is imported and run",
    )
    parser.add_argument(
        "--arg", action="append", default=[], metavar="NAME=VALUE", dest="given", help="an argument for the callable"
    )
    parser.add_argument("--batch", type=positive, default=2, metavar="N", help="images in a batch (2)")
    parser.add_argument(
        "--size", type=_size, default=(), metavar="HxW", help="the last sizes of each input (the net's)"
    )
    parser.add_argument("--below", type=positive, default=2, metavar="N", help="whole-number inputs are below it (2)")
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        default=0.0,
        metavar="T",
        help="|difference| <= T*(1 + |reference|) is equal (0)",
    )
    parser.add_argument(
        "--rename", action="append", default=[], metavar="THEIRS=OURS", help="a path of the reference and of the net"
    )
    parser.add_argument("--by-order", action="store_true", help="pair weights by their order, whatever their names")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, inputs and dropout (0)")
    parser.add_argument(
        "--dtype", choices=DTYPES, default="", help="run both in it, such as float64, where rounding hardly differs"
    )
    parser.add_argument("--format", choices=["text", "json"], default="text", help="how the result is printed")


def _size(text: str) -> tuple[int, ...]:
    return tuple(positive(side) for side in text.split("x"))


def _tolerance(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def _verify(arguments: argparse.Namespace) -> int:
    """Print the verdict; 0 where the two are equal, 1 where they differ."""
    net = net_of(arguments)
    given = _pairs(arguments.given, "--arg")
    trial = _trial(arguments)
    from archlang.verify import made, value_of

    reference = made(arguments.against, {name: value_of(value) for name, value in given}, arguments.seed)
    verdict = net.verify(reference, trial)
    if arguments.format == "json":
        import json

        print(json.dumps(verdict.to_json(), indent=2))
    else:
        print(verdict)
        print(f"{net.graph.name} and {arguments.against} {'are equal' if verdict.equal else 'differ'}")
    return 0 if verdict.equal else 1


def _trial(arguments: argparse.Namespace) -> Trial:
    from archlang.verify import Trial

    return Trial(
        batch=arguments.batch,
        size=arguments.size,
        tolerance=arguments.tolerance,
        by_order=arguments.by_order,
        renames=tuple(_pairs(arguments.rename, "--rename")),
        seed=arguments.seed,
        below=arguments.below,
        dtype=arguments.dtype,
    )


def _pairs(texts: list[str], option: str) -> list[tuple[str, str]]:
    from archlang.library import CallError

    pairs: list[tuple[str, str]] = []
    for text in texts:
        left, equals, right = text.partition("=")
        if not equals:
            raise CallError(f"{option} {text}: write {option} NAME=VALUE")
        pairs.append((left.strip(), right.strip()))
    return pairs


VERIFY = Command("hold a net against a module of yours or of torchvision's", _verify, _options)
