"""`archlang verify`: compares a net with a PyTorch module that was written by hand."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option, net_of, not_negative, positive, seed
from archlang.shapes import FLOAT_DTYPES

if TYPE_CHECKING:
    from archlang.verify import Trial


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--against",
        required=True,
        metavar="MODULE:CALLABLE",
        help="the callable that makes the reference, such as torchvision.models:resnet18 or model.py:Net; it is run",
    )
    parser.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="given",
        help="an argument of the callable; repeatable",
    )
    parser.add_argument("--batch", type=positive, default=2, metavar="N", help="batch size (2)")
    parser.add_argument("--size", type=_size, default=(), metavar="HxW", help="replaces the last sizes of each input")
    parser.add_argument(
        "--below", type=positive, default=2, metavar="N", help="integer inputs are drawn from 0 to N-1 (2)"
    )
    parser.add_argument(
        "--tolerance",
        type=not_negative,
        default=0.0,
        metavar="T",
        help="values are equal if |difference| <= T*(1 + |reference|) (0)",
    )
    parser.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="a path in the reference and its name in the net; repeatable",
    )
    parser.add_argument("--by-order", action="store_true", help="pair weights by their order instead of their names")
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="seed of the reference's weights, the inputs and dropout (0)"
    )
    parser.add_argument(
        "--dtype",
        choices=FLOAT_DTYPES,
        default="",
        help="the dtype in which both run; float64 makes rounding differences small (default: as in the spec)",
    )
    format_option(parser)


def _size(text: str) -> tuple[int, ...]:
    return tuple(positive(side) for side in text.split("x"))


def _verify(arguments: argparse.Namespace) -> int:
    """Print the verdict. Returns 0 if the two are equal, 1 if they differ."""
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


VERIFY = Command("compare a net with a PyTorch module: keys, outputs, gradients", _verify, _options)
