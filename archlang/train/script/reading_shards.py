"""How a script reads WebDataset shards: their tables of contents once, then each sample from its place."""

from __future__ import annotations

from archlang.train.script.plan import Plan, Script
from archlang.train.script.reading_files import ENDINGS, add_read_image
from archlang.train.script.splitting import add_halves, halved

_SHARDS = '''
def decoded(name, raw):
    """Return a field from the bytes of its file."""
    if name == "image":
        return read_image(raw)
    if name == "mask":
        with Image.open(raw) as opened:
            return torch.from_numpy(numpy.array(opened).astype(numpy.int64))
    values = torch.from_numpy(numpy.load(raw))
    if values.is_floating_point():
        return values.float()
    return values if values.dtype == torch.uint8 and values.dim() > 1 else values.long()


class Shards:
    """Samples of tar files. In the place of one that cannot be read comes the next."""

    def __init__(self, entries):
        self.entries = entries

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, index):
        for at in range(index, index + len(self)):
            path, name, label, places = self.entries[at % len(self)]
            try:
                return self.read(path, label, places)
            except (OSError, ValueError, SyntaxError, EOFError) as error:
                print(f"{path.name}: {name} cannot be read ({error})")
        raise RuntimeError("no sample can be read")

    def read(self, path, label, places):
        """Return a sample from the places of its files in a tar file."""
        sample = {}
        with path.open("rb") as shard:
            for field, (offset, size) in places.items():
                shard.seek(offset)
                sample[field] = decoded(field, io.BytesIO(shard.read(size)))
        return sample if label is None else {**sample, "label": torch.tensor(label)}


def field_of(ending):
    """Return the field that a file fills; None if no net takes it."""
    if ending in ("mask.png", "seg.png"):
        return "mask"
    if f".{ending}" in ENDINGS:
        return "image"
    stem, _, last = ending.rpartition(".")
    return (stem or "array") if last == "npy" else None


def entries_in(path):
    """Return the samples of a tar file: its path, name, class, and places of files."""
    places, labels = {}, {}
    with tarfile.open(path, "r:") as shard:
        for member in shard:
            folder, _, file = member.name.rpartition("/")
            stem, _, ending = file.partition(".")
            name = f"{folder}/{stem}" if folder else stem
            if not member.isfile() or not stem:
                continue
            if ending in ("cls", "id"):
                labels[name] = int(shard.extractfile(member).read())
            elif field_of(ending) is not None:
                place = member.offset_data, member.size
                places.setdefault(name, {})[field_of(ending)] = place
    every = {field for files in places.values() for field in files}
    return [
        (path, name, labels.get(name), files)
        for name, files in places.items()
        if len(files) == len(every) and (not labels or name in labels)
    ]


def load_data(path):
    """Return the samples of a folder of tar files, or of one: to train on and held out."""
    paths = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    entries = [entry for shard in paths for entry in entries_in(shard)]
    training, held_out = SPLIT
    return Shards(training), Shards(held_out)
'''


def read_shards(plan: Plan, script: Script) -> None:
    """Write the functions that read tar files of samples."""
    part = plan.recipe.data
    script.constants.append(ENDINGS)
    add_halves(part, script)
    add_read_image(part, script)
    names = '[f"{shard.name}/{name}" for shard, name, *_ in entries]'
    script.add(_SHARDS.replace("SPLIT", halved(part, "entries", names)), "import io", "import tarfile")
