"""Tables in CSV and Parquet files: columns of features, and a column of classes or columns of numbers to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.packages import need
from archlang.recipes.recipe import Part
from archlang.train.data.files import wrong
from archlang.train.data.samples import Data, InMemory, halves

if TYPE_CHECKING:
    from torch import Tensor

MOST_WORDS = 1000  # different values of a column of words: each becomes a feature


@dataclass(frozen=True, slots=True)
class Table:
    """A table of pyarrow with the file that it was read from."""

    path: Path
    columns: dict[str, Any]

    def column(self, name: str) -> Any:
        """Return a column. Raises `Rejected` if there is none of that name, or it has an empty cell."""
        if name not in self.columns:
            names = list(self.columns)
            help = did_you_mean(name, names) or f"the columns are {', '.join(names)}"
            raise wrong(self.path, f"there is no column `{name}`", help)
        found = self.columns[name]
        if found.null_count:
            row = found.is_null().to_pylist().index(True) + 1
            raise wrong(self.path, f"the column `{name}` is empty in row {row:,}, and in {found.null_count:,} in all")
        return found

    def numbers(self, name: str) -> Tensor:
        """Return a column of numbers in float32, rows. Raises `Rejected` if it holds something else."""
        import torch

        found = self.column(name)
        if not _is_number(found):
            raise wrong(self.path, f"the column `{name}` holds {found.type}, where numbers are needed")
        values = torch.tensor(found.cast("float64").to_pylist(), dtype=torch.float64)
        if not values.isfinite().all():
            row = int((~values.isfinite()).nonzero()[0]) + 1
            raise wrong(self.path, f"the column `{name}` holds no finite number in row {row:,}")
        return values.float()

    def classes(self, name: str) -> tuple[Tensor, tuple[str, ...]]:
        """Return a column of classes as int64, and their sorted names."""
        import torch

        found = self.column(name).to_pylist()
        if any(isinstance(value, float) for value in found):
            help = "write `task=numbers` to predict numbers"
            raise wrong(self.path, f"the column `{name}` holds numbers with fractions, which are no classes", help)
        names = sorted(set(found))
        if len(names) < 2:
            raise wrong(self.path, f"the column `{name}` has the one class {names[0]}; two are needed")
        numbers = {value: at for at, value in enumerate(names)}
        return torch.tensor([numbers[value] for value in found]), tuple(map(str, names))

    def features(self, name: str) -> list[Tensor]:
        """Return the features of a column: its numbers, or one for each of its words in order, 1 where it stands."""
        if _is_number(self.column(name)):
            return [self.numbers(name)]
        rows, words = self.classes(name)
        if len(words) > MOST_WORDS:
            help = "name the columns that are used: `columns=[...]`"
            raise wrong(self.path, f"the column `{name}` has {len(words):,} different words", help)
        return [(rows == at).float() for at in range(len(words))]


def table(part: Part, path: Path) -> Data:
    """Return a table as data: `features` of a row, and its `label` or `target`."""
    import torch

    found = _read(part.word, path)
    targets = _names(part.arguments["target"])
    columns = _names(part.arguments["columns"]) or [name for name in found.columns if name not in targets]
    for name in (*targets, *columns):
        found.column(name)
    both = [name for name in columns if name in targets]
    if both or not columns:
        message = f"the column `{both[0]}` is a feature and the target" if both else "no column is left as a feature"
        raise wrong(path, message)
    features = torch.stack([one for name in columns for one in found.features(name)], 1)
    names: tuple[str, ...] = ()
    if part.arguments["task"] == "classes":
        if len(targets) > 1:
            raise wrong(path, "only `task=numbers` takes several columns as target")
        label, names = found.classes(targets[0])
        fields = {"features": features, "label": label}
    else:
        fields = {"features": features, "target": torch.stack([found.numbers(name) for name in targets], 1)}
    learned, rest, told = halves(part, len(features))
    if part.arguments["standardize"] and learned:
        deviation, mean = torch.std_mean(features[learned].double(), 0, correction=0)
        fields["features"] = ((features - mean) / deviation.clamp_min(1e-8)).float()
    _check_classes(path, fields, learned, names)
    every = InMemory(fields)
    return Data(every.at(learned), every.at(rest), names, told)


def _check_classes(path: Path, fields: dict[str, Tensor], learned: Sequence[int], names: Sequence[str]) -> None:
    """Raise `Rejected` for a class of which no row is left to train on."""
    if not names:
        return
    present: list[int] = cast(Any, fields["label"][list(learned)]).tolist()
    missing = next((name for at, name in enumerate(names) if at not in present), None)
    if missing is not None:
        raise wrong(path, f"all rows of the class {missing} are held out: none is left to train on")


def _names(value: object) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in cast("tuple[object, ...]", value)] if isinstance(value, tuple) else [str(value)]


def _is_number(column: Any) -> bool:
    types = cast(Any, need("pyarrow.types", "tables are read by"))
    kind = column.type
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind))


def _read(word: str, path: Path) -> Table:
    arrow = cast(Any, need("pyarrow", "tables are read by"))
    try:
        if word == "csv":
            found = cast(Any, need("pyarrow.csv", "tables are read by")).read_csv(str(path))
        else:
            found = cast(Any, need("pyarrow.parquet", "tables are read by")).read_table(str(path))
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise wrong(path, f"it cannot be read: {str(error).splitlines()[0]}") from None
    if len(set(found.column_names)) < len(found.column_names):
        raise Rejected("bad-data", f"{path.name}: two columns have one name")
    if not found.num_rows:
        raise wrong(path, "it has no rows")
    return Table(path, {name: found.column(name) for name in found.column_names})
