"""How a script reads samples that are files: they are opened when their turn comes."""

from __future__ import annotations

from archlang.recipes.recipe import Part
from archlang.train.script.plan import Plan, Script
from archlang.train.script.splitting import add_halves, halved
from archlang.train.script.values import literal

ENDINGS = (
    'ENDINGS = (\n    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"\n)  # fmt: skip'
)

_READ_IMAGE = '''
def read_image(file):
    """Return an image as a tensor: channels, height, width."""
    with Image.open(file) as opened:
        pixels = torch.from_numpy(numpy.array(opened.convert("MODE")))
    return CHANNELS
'''

_CLASSES = '''
class ImageFiles:
    """Image files with their classes."""

    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        path, label = self.files[index]
        return {"image": read_image(path), "label": torch.tensor(label)}


def files_in(folder):
    """Return all images below the folders of the classes, with the class's number."""
    classes = sorted(one for one in folder.iterdir() if one.is_dir())
    return [
        (path, label)
        for label, one in enumerate(classes)
        for path in sorted(one.rglob("*"))
        if path.suffix.lower() in ENDINGS
    ]
'''

_PAIRS = '''
def files_in(folder, endings):
    """Return the files below a folder by their names without endings."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in endings
    }


def pairs_in(folder):
    """Return the images of a folder, each with the file of its name in another."""
    images = files_in(folder / IMAGES, ENDINGS)
    others = files_in(folder / OTHERS, OTHER_ENDINGS)
    return [(images[name], others[name]) for name in images]
'''

_MASKED = '''
class MaskedImages:
    """Image files with masks, which hold the class of each pixel."""

    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        path, mask = self.files[index]
        with Image.open(mask) as opened:
            classes = torch.from_numpy(numpy.array(opened).astype(numpy.int64))
        return {"image": read_image(path), "mask": classes}
'''

_BOXED = '''
def read_boxes(path):
    """Return the rows `class x y width height` of a file; the class is -1 in those left."""
    boxes = torch.zeros(MOST, 5)
    boxes[:, 0] = -1
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    for row, line in zip(boxes, lines, strict=False):
        row[:] = torch.tensor([float(word) for word in line])
    return boxes


class BoxedImages:
    """Image files with the boxes of their objects."""

    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        path, boxes = self.files[index]
        return {"image": read_image(path), "boxes": read_boxes(boxes)}
'''

_LOAD = '''
def load_data(folder):
    """Return the samples to train on and those held out: `train` and `val`, if there are."""
    if (folder / "train").is_dir():
        names = ("val", "valid", "validation", "test")
        held_out = next(folder / name for name in names if (folder / name).is_dir())
        return CLASS(FOUND(folder / "train")), CLASS(FOUND(held_out))
    files = FOUND(folder)
    training, held_out = SPLIT
    return CLASS(training), CLASS(held_out)
'''

_NAMES = "[path.relative_to(folder).as_posix() for path, _ in files]"


def read_files(plan: Plan, script: Script) -> None:
    """Write the functions that read folders of images: with classes, masks or boxes."""
    part = plan.recipe.data
    script.constants.append(ENDINGS)
    add_halves(part, script)
    add_read_image(part, script)
    kind, found = "ImageFiles", "files_in"
    if part.word == "imagefolder":
        script.add(_CLASSES, "import torch")
    else:
        kind, found = ("MaskedImages" if part.word == "segmentation" else "BoxedImages"), "pairs_in"
        _pairs(part, script)
    split = halved(part, "files", _NAMES)
    script.add(_LOAD.replace("SPLIT", split).replace("CLASS", kind).replace("FOUND", found))


def add_read_image(part: Part, script: Script) -> None:
    """Write the function that reads an image of PIL."""
    is_gray = part.arguments["mode"] == "gray"
    text = _READ_IMAGE.replace("MODE", "L" if is_gray else "RGB")
    text = text.replace("CHANNELS", "pixels.unsqueeze(0)" if is_gray else "pixels.permute(2, 0, 1).contiguous()")
    script.add(text, "import numpy", "from PIL import Image", "import torch")


def _pairs(part: Part, script: Script) -> None:
    is_masks = part.word == "segmentation"
    text = _PAIRS.replace("OTHER_ENDINGS", "ENDINGS" if is_masks else '(".txt",)')
    text = text.replace("IMAGES", literal(part.arguments["images"]))
    script.add(text.replace("OTHERS", literal(part.arguments["masks" if is_masks else "labels"])))
    script.add(_MASKED if is_masks else _BOXED, "import torch")
    if not is_masks:
        script.constants.append(f"MOST = {literal(part.arguments['most'])}")
