"""`archlang predict`: what a trained net says of images, of arrays, or how it continues a text."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlang.cli.command import Command, checked_net, format_option, not_negative, positive, seed, settings_of

if TYPE_CHECKING:
    from archlang.train.predicting import Predicted, Predictor
    from archlang.train.record import Record

SHOWN = 10  # values of an output that is no choice of classes


def _options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Instead of a SPEC, name a run's folder: it knows net, weights, classes and transforms."
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=_FILES_HELP)
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="a file of weights or the folder of a run (the run's best.pt)"
    )
    parser.add_argument("--tokens", type=positive, default=100, metavar="N", help="how many tokens to add (100)")
    parser.add_argument(
        "--temperature", type=not_negative, default=1.0, metavar="T", help="0: the most probable token (1)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of the tokens that are drawn (0)")
    parser.add_argument("--save", type=Path, metavar="DIR", help="also write the outputs to this folder, as .npz files")
    parser.add_argument("--device", default="cpu", help="the device to run on: cpu, cuda or cuda:1 (cpu)")
    format_option(parser)


_FILES_HELP = (
    "images, .npy or .npz arrays; for a net that was trained on text, files of text to continue, or - for standard "
    "input, without their last line end"
)


def _predict(arguments: argparse.Namespace) -> int:
    """Print the results. Returns 1 if a file could not be read or does not fit; the others are still predicted."""
    from archlang.diagnostics import Rejected

    chosen = _predictor(arguments)
    if arguments.save is not None:
        arguments.save.mkdir(parents=True, exist_ok=True)
    rows, found, wrong = list[list[str]](), list[dict[str, Any]](), list[str]()
    for path in arguments.files:
        try:
            texts, content = _of_file(chosen, path, arguments)
        except Rejected as rejected:
            told = rejected.message if str(path) in rejected.message else f"{path}: {rejected.message}"
            wrong.append(f"{told}; {rejected.help}" if rejected.help else told)
            found.append({"file": str(path), "error": wrong[-1]})
            continue
        rows += texts
        found += content
    print(json.dumps(found, indent=2) if arguments.format == "json" else _table(rows))
    for one in wrong:
        print(f"archlang: {one}", file=sys.stderr)
    return 1 if wrong else 0


def _of_file(
    predictor: Predictor, path: Path, arguments: argparse.Namespace
) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Return the results of a file as rows of text, and as JSON. Raises `Rejected` if it is wrong."""
    from archlang.train.continuing import continued, prompt_of
    from archlang.train.predicting import ARRAYS

    if predictor.record.data == "text" and path.suffix.lower() not in ARRAYS:
        prompt = prompt_of(path)
        text = continued(predictor, prompt, arguments.tokens, arguments.temperature, arguments.seed)
        return [[prompt + text]], [{"file": str(path), "prompt": prompt, "text": text}]
    results = list(predictor.of_file(path))
    if arguments.save is not None:
        _save(arguments.save / f"{path.name}.npz", results)
    return [_row(one, predictor.are_probabilities) for one in results], [*map(_json, results)]


def _table(rows: list[list[str]]) -> str:
    """Return rows in columns. A row of one cell, which is a text, stays as it is."""
    from archlang.sheets import aligned

    wide = max(map(len, rows), default=0)
    if wide == 1:
        return "\n".join(row[0] for row in rows)
    return "\n".join(aligned([[*row, *[""] * (wide - len(row))] for row in rows], [False] * wide)) if rows else ""


def _predictor(arguments: argparse.Namespace) -> Predictor:
    """Return the net of a run's folder, or that of a SPEC with the weights that are named."""
    from archlang.compiler import CallError, prepared
    from archlang.train.located import located
    from archlang.train.memory import check_device
    from archlang.train.predicting import chosen
    from archlang.train.record import read_record

    check_device(arguments.device)
    if Path(arguments.spec).is_dir():
        if arguments.settings:
            raise CallError("--set: the folder of a run holds a net as it was compiled")
        record = read_record(Path(arguments.spec))
        file, _ = located(arguments.weights or Path(arguments.spec))
        return _ready(record, file, arguments)
    if arguments.weights is None:
        raise CallError(f"{arguments.spec} is no folder of a run, and a spec needs weights: `--weights FILE`")
    made = prepared(arguments.spec, settings_of(arguments), arguments.root)
    graph, recipe = (made[0].graph, made[0].recipe) if made else (checked_net(arguments).graphs[0], None)
    record, file = chosen(graph, recipe, arguments.weights)
    return _ready(record, file, arguments)


def _ready(record: Record, file: Path, arguments: argparse.Namespace) -> Predictor:
    from archlang.train.predicting import predictor
    from archlang.train.vision import check_transforms

    check_transforms([(one.word, one.arguments) for one in record.transforms])
    return predictor(record, file, arguments.device)


def _save(path: Path, results: list[Predicted]) -> None:
    """Write the outputs of all samples of a file as arrays, one for each output of the net."""
    from io import BytesIO

    from archlang.files import write_whole
    from archlang.train.predicting import stacked

    out = BytesIO()
    stacked(out, results)
    write_whole(path, out.getvalue())


def _row(one: Predicted, are_probabilities: bool) -> list[str]:
    if one.choices:
        shown = [f"{value.value:.1%}" if are_probabilities else f"{value.value:.4g}" for value in one.choices]
        return [one.name, *(f"{choice.name} {value}" for choice, value in zip(one.choices, shown, strict=True))]
    return [one.name, *(_value(name, value) for name, value in one.values.items())]


def _value(name: str, value: Any) -> str:
    from archlang.train.predicting import plain

    flat = value.flatten()
    if len(flat) <= SHOWN:
        return f"{name} {' '.join(f'{number:.6g}' for number in plain(flat))}"
    sides = "x".join(map(str, value.shape))
    floats = flat.float()
    return (
        f"{name} {sides}, from {float(floats.min()):.4g} to {float(floats.max()):.4g}, mean {float(floats.mean()):.4g}"
    )


def _json(one: Predicted) -> dict[str, Any]:
    from archlang.train.predicting import plain

    choices = [{"class": choice.number, "name": choice.name, "value": choice.value} for choice in one.choices]
    content: dict[str, Any] = {"file": one.name}
    return content | ({"classes": choices} if choices else {"outputs": {k: plain(v) for k, v in one.values.items()}})


PREDICT = Command("use a trained net on images, arrays or text", _predict, _options)
