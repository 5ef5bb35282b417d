"""How a script reads samples that are rows: of tables and .npy files, of a function of the user's own, or drawn."""

from __future__ import annotations

from archlang.recipes.losses import Compared
from archlang.recipes.recipe import Part
from archlang.recipes.sources import DATA
from archlang.train.data.synthetic import DIFFERENT
from archlang.train.script.plan import Plan, Script
from archlang.train.script.rows import Row, indented, text_of
from archlang.train.script.splitting import add_halves, add_split
from archlang.train.script.values import literal

# ---- random samples

_REPEATED = '''
class Repeated:
    """A few random samples, which come again and again."""

    def __init__(self, fields, indices):
        self.fields, self.indices = fields, indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        at = self.indices[index] % DIFFERENT
        return {name: rows[at] for name, rows in self.fields.items()}
'''


def read_synthetic(plan: Plan, script: Script) -> None:
    """Write the functions that draw random samples in the shapes of the net."""
    part = plan.recipe.data
    count = int(part.number("samples"))
    cut = max(1, count // 5)
    script.constants.append(f"DIFFERENT = {min(count, DIFFERENT)}  # samples that are drawn")
    script.add(_REPEATED)
    rows: list[Row] = [
        '"""Return random samples to train on, and others that are held out."""',
        f"generator = torch.Generator().manual_seed({literal(int(part.number('seed')))})",
        "fields = {",
        *(f'    "{one.name}": {_drawn(one, int(part.number("below")))},' for one in _fields(plan)),
        "}",
        f"training = Repeated(fields, range({literal(count - cut)}))",
        f"return training, Repeated(fields, range({literal(count - cut)}, {literal(count)}))",
    ]
    script.add(text_of(["def load_data():", *indented(rows)]), "import torch")


def _fields(plan: Plan) -> list[Compared]:
    """Return the fields that are drawn: of all, as each moves the generator on."""
    part = plan.recipe.data
    return list(DATA[part.word].fields(part.arguments, plan.graph).values())


def _drawn(field: Compared, below: int) -> str:
    shape = ", ".join(["DIFFERENT", *map(str, field.shape or ())])
    if field.dtype is not None and "float" in field.dtype:
        return f"torch.randn({shape}, generator=generator)"
    shape = f"({shape})" if field.shape else "(DIFFERENT,)"
    return f"torch.randint({field.classes or below}, {shape}, generator=generator)"


# ---- .npy files

_ARRAYS = '''
@functools.cache
def opened(path):
    """Return the array of a file, which stays on the disk until its rows are read."""
    return numpy.load(path, mmap_mode="r")


class Rows:
    """Rows of .npy files: each file is a field of its name."""

    def __init__(self, files, indices):
        self.files, self.indices = files, indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        at = self.indices[index]
        row = {
            name: torch.from_numpy(numpy.array(opened(path)[at]))
            for name, path in self.files.items()
        }
        return {CONVERTED}


def load_data(path):
    """Return the .npy files of a folder, or one alone; their rows are samples."""
    paths = sorted(path.glob("*.npy")) if path.is_dir() else [path]
    files = {one.stem: one for one in paths}
    training, held_out = halves(range(len(opened(paths[0]))))
    return Rows(files, training), Rows(files, held_out)
'''


def read_npy(plan: Plan, script: Script) -> None:
    """Write the functions that read .npy files."""
    add_halves(plan.recipe.data, script)
    script.add(_ARRAYS.replace("{CONVERTED}", converted(plan, "row", 2)), "import functools", "import numpy")
    script.imports.add("import torch")


def converted(plan: Plan, variable: str, depth: int) -> str:
    """Return the dict of the fields of a sample in their dtypes, of a dict of arrays in a variable."""
    methods = {"float32": ".float()", "int64": ".long()", "uint8": ""}
    items = [f'"{name}": {variable}["{name}"]{methods[dtype]}' for name, dtype in plan.dtypes.items()]
    inside = ", ".join(items)
    if len(inside) <= 70:
        return f"{{{inside}}}"
    step = "    "
    return "{\n" + "".join(f"{step * (depth + 1)}{item},\n" for item in items) + step * depth + "}"


# ---- tables

_TABLE = '''
def features_of(column):
    """Return the numbers of a column, or for each of its words 1 where it stands."""
    known = pyarrow.types
    tests = known.is_integer, known.is_floating, known.is_boolean, known.is_decimal
    if any(test(column.type) for test in tests):
        return [numbers(column)]
    values = column.to_pylist()
    words = sorted(set(values))
    return [torch.tensor([float(value == word) for value in values]) for word in words]


def numbers(column):
    """Return a column of numbers in float32."""
    return torch.tensor(column.cast("float64").to_pylist(), dtype=torch.float64).float()
'''

_CLASSES = '''
def classes(column):
    """Return the numbers of the classes of a column: their places in order."""
    values = column.to_pylist()
    numbers = {value: at for at, value in enumerate(sorted(set(values)))}
    return torch.tensor([numbers[value] for value in values])
'''

_STANDARDIZE = '''
def standardize(training, held_out):
    """Give each feature mean 0 and deviation 1 over the training rows."""
    deviation, mean = torch.std_mean(training["features"].double(), 0, correction=0)
    for part in (training, held_out):
        part["features"] = ((part["features"] - mean) / deviation.clamp_min(1e-8)).float()
'''


def read_table(plan: Plan, script: Script) -> None:
    """Write the functions that read a table."""
    part = plan.recipe.data
    is_classes = part.arguments["task"] == "classes"
    add_split(part, plan.target, script)
    script.add(_TABLE, "import pyarrow", "import pyarrow.types", "import torch")
    if is_classes:
        script.add(_CLASSES)
    if part.arguments["standardize"]:
        script.add(_STANDARDIZE)
    reader = ("csv", "read_csv(str(path))") if part.word == "csv" else ("parquet", "read_table(str(path))")
    script.imports.add(f"import pyarrow.{reader[0]}")
    script.add(text_of(["def load_data(path):", *indented(_loaded(part, is_classes, f"pyarrow.{'.'.join(reader)}"))]))


def _loaded(part: Part, is_classes: bool, read: str) -> list[Row]:
    targets, columns = _names(part.arguments["target"]), _names(part.arguments["columns"])
    named = literal(tuple(columns))
    if not columns:
        named = f"[name for name in table.column_names if name not in {literal(tuple(targets))}]"
    target = f'"label": classes(table.column({literal(targets[0])}))'
    if not is_classes:
        target = '"target": torch.stack(targets, 1)'
    rows: list[Row] = ['"""Return the rows to train on and those held out."""', f"table = {read}"]
    rows += [f"names = {named}", "features = [one for name in names for one in features_of(table.column(name))]"]
    if not is_classes:
        rows.append(f"targets = [numbers(table.column(name)) for name in {literal(tuple(targets))}]")
    fields = f'split({{"features": torch.stack(features, 1), {target}}})'
    if not part.arguments["standardize"]:
        return [*rows, f"return {fields}"]
    return [*rows, f"training, held_out = {fields}", "standardize(training, held_out)", "return training, held_out"]


def _names(value: object) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, tuple) else [str(value)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


# ---- a function of the user's own

_OWN = '''
class Own:
    """Samples of a dataset as dicts of tensors."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        sample = self.dataset[self.indices[index]]
        if not isinstance(sample, Mapping):
            sample = dict(zip(("image", "label"), sample, strict=True))
        return {name: as_tensor(value) for name, value in sample.items()}


def as_tensor(value):
    """Return floats in float32, bytes of images as they are, other integers in int64."""
    if hasattr(value, "getbands"):  # an image of PIL
        pixels = torch.from_numpy(numpy.array(value))
        is_gray = pixels.dim() == 2
        return pixels.unsqueeze(0) if is_gray else pixels.permute(2, 0, 1).contiguous()
    tensor = torch.as_tensor(value)
    if tensor.is_floating_point():
        return tensor.float()
    return tensor if tensor.dtype == torch.uint8 and tensor.dim() > 1 else tensor.long()


def load_data():
    """Return what a function of your own gives: one dataset, or a pair of them."""
    found = CALL()
    if isinstance(found, tuple) and len(found) == 2:
        training, held_out = found
        return Own(training, range(len(training))), Own(held_out, range(len(held_out)))
    training, held_out = halves(range(len(found)))
    return Own(found, training), Own(found, held_out)
'''


def read_own(plan: Plan, script: Script) -> None:
    """Write the functions that take the data of a function `module:callable`, which the script imports."""
    assert plan.path is not None  # what it returns was asked for the fields
    module, _, function = str(plan.path).partition(":")
    first, _, rest = function.partition(".")
    add_halves(plan.recipe.data, script)
    script.add(_OWN.replace("CALL", f"own_data.{rest}" if rest else "own_data"), "import numpy", "import torch")
    script.imports |= {f"from {module} import {first} as own_data", "from collections.abc import Mapping"}
