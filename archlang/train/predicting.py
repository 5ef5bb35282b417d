"""Uses a trained net on files: images, arrays, text. Samples are prepared as the held-out samples of its run were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.packages import need
from archlang.recipes import Recipe
from archlang.recipes.fitting import fed
from archlang.recipes.reading import NOISE
from archlang.recipes.sources import DATA
from archlang.train.batches import as_dtype
from archlang.train.data.files import CIFAR10, FASHION
from archlang.train.data.folders import ENDINGS, image
from archlang.train.located import located, measured_tensors
from archlang.train.making import in_order
from archlang.train.record import Record
from archlang.train.transforming import Described, Steps
from archlang.weights import fitted_state

if TYPE_CHECKING:
    from torch import Tensor, nn

TOP = 5
ARRAYS = (".npy", ".npz")
_DIGITS = tuple(map(str, range(10)))
_GRAY = ("digits", "mnist", "fashionmnist")
_NAMES = {"digits": _DIGITS, "mnist": _DIGITS, "fashionmnist": FASHION, "cifar10": CIFAR10}
_PROBABILITIES = ("crossentropy", "nll")  # losses of scores, of which softmax makes probabilities


@dataclass(frozen=True, slots=True)
class Choice:
    """A class with its number and name, and its probability; or its score, if nothing says that softmax applies."""

    number: int
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Predicted:
    """The result for one sample: `name` is its file, with the row of an array. Either the best classes, or the values.

    `values` are all outputs of the net by name, for one sample.
    """

    name: str
    choices: tuple[Choice, ...]
    values: Mapping[str, Tensor]


@dataclass
class Predictor:
    """A net with its weights, ready to run, and what is known of its data."""

    record: Record
    module: nn.Module
    weights: Path
    device: str = "cpu"

    @property
    def are_probabilities(self) -> bool:
        """Whether the values of choices are probabilities."""
        return self.record.loss in _PROBABILITIES

    def of_file(self, path: Path) -> Iterator[Predicted]:
        """Yield the result of each sample of a file. Raises `Rejected` if it cannot be read, or does not fit."""
        for name, sample in self._samples(path):
            try:
                prepared = Steps(self.record.transforms)(sample)
            except (RuntimeError, ValueError, TypeError) as error:
                why = str(error).partition("\n")[0]
                raise Rejected("bad-data", f"{name}: the transforms do not take it: {why}") from None
            outputs = self.outputs(self._inputs(name, prepared))
            values = {port: value[0] for port, value in outputs.items()}
            yield Predicted(name, tuple(self._choices(next(iter(values.values())))), values)

    def outputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the net in evaluation on a batch of inputs by name; return its outputs by name."""
        import torch

        root = self.record.graph.root
        given = [inputs[port.name].to(self.device) for port in root.inputs]
        names = [port.name for port in root.outputs if not port.training]
        with torch.inference_mode():
            return {name: value.cpu() for name, value in in_order(self.module(*given), names).items()}

    def _inputs(self, name: str, sample: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return a batch of one sample as inputs. Raises `Rejected` where a field is missing or has another shape."""
        import torch

        root, found = self.record.graph.root, dict[str, Any]()
        for port in root.inputs:
            field, type = self.record.fields[port.name], root.types[port.value]
            if field in NOISE:
                generator = torch.Generator().manual_seed(0)
                draw = torch.randn if field == "normal" else torch.rand
                found[port.name] = draw(1, *type.shape[1:], generator=generator)
                continue
            if field not in sample:
                raise Rejected("bad-data", f"{name}: it has no `{field}`, which the input `{port.name}` takes")
            value, wanted = sample[field], type.shape[1:]
            if tuple(value.shape) != wanted:
                told, need = ("x".join(map(str, sides)) or "one number" for sides in (value.shape, wanted))
                help = None if self.record.transforms else "a recipe says how images are prepared: `view resize 224`"
                raise Rejected("bad-data", f"{name}: `{field}` is {told}, and the input takes {need}", help=help)
            found[port.name] = as_dtype(value.unsqueeze(0), type.dtype)
        return found

    def _choices(self, scores: Tensor) -> Iterator[Choice]:
        """Yield the best classes, if the net gives one score for each class."""
        if scores.dim() != 1 or len(scores) < 2 or self.record.loss not in (*_PROBABILITIES, "multimargin", ""):
            return
        values = scores.float().softmax(0) if self.are_probabilities else scores.float()
        best = values.topk(min(TOP, len(values)))
        for number, value in zip(best.indices, best.values, strict=True):
            names = self.record.classes
            yield Choice(int(number), names[number] if int(number) < len(names) else str(int(number)), float(value))

    # ---- files

    def _samples(self, path: Path) -> Iterator[tuple[str, dict[str, Tensor]]]:
        if not path.is_file():
            raise Rejected("bad-data", f"{path}: there is no such file")
        field = next((one for one in self.record.fields.values() if one not in NOISE), "")
        if path.suffix.lower() in ENDINGS:
            yield str(path), {field: image(path, self._mode())}
        elif path.suffix.lower() in ARRAYS:
            yield from self._rows(path, field)
        else:
            listed = ", ".join((*sorted(ENDINGS), *ARRAYS))
            raise Rejected("bad-data", f"{path}: no file of this kind can be read; these can: {listed}")

    def _mode(self) -> str:
        """Return whether image files are read as gray or rgb: as in the run, or by the channels of the net's input."""
        if "mode" in self.record.arguments:
            return str(self.record.arguments["mode"])
        root = self.record.graph.root
        shape = root.types[root.inputs[0].value].shape
        return "gray" if self.record.data in _GRAY or (not self.record.data and shape[1] == 1) else "rgb"

    def _rows(self, path: Path, field: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield the rows of arrays: of an .npz file by the names of fields, of an .npy file one sample or several."""
        import torch

        numpy: Any = need("numpy", "arrays are read by")
        try:
            found = numpy.load(path, allow_pickle=False)
            arrays = {field: found} if path.suffix.lower() == ".npy" else {name: found[name] for name in found.files}
        except (OSError, ValueError, EOFError) as error:
            raise Rejected("bad-data", f"{path}: it cannot be read: {error}") from None
        wrong = next((name for name, array in arrays.items() if array.dtype.kind not in "fiub"), None)
        if wrong is not None:
            raise Rejected("bad-data", f"{path}: `{wrong}` holds {arrays[wrong].dtype}, where numbers are needed")
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}  # pyright: ignore[reportUnknownMemberType]
        used = {name: value for name, value in tensors.items() if name in self.record.fields.values()}
        if not used and len(tensors) == 1:
            used = {field: next(iter(tensors.values()))}
        if path.suffix.lower() == ".npy" and used[field].dim() == self._rank(field):
            yield str(path), {name: _as_numbers(value) for name, value in used.items()}
            return
        for at in range(min((len(value) for value in used.values() if value.dim()), default=0)):
            yield f"{path}[{at}]", {name: _as_numbers(value[at]) for name, value in used.items()}

    def _rank(self, field: str) -> int:
        root = self.record.graph.root
        port = next(one for one in root.inputs if self.record.fields[one.name] == field)
        return len(root.types[port.value].shape) - 1


def _as_numbers(value: Tensor) -> Tensor:
    """Return float64 as float32, as data of a recipe is read."""
    return value.float() if value.is_floating_point() else value


# ---- which net


def predictor(record: Record, weights: Path, device: str) -> Predictor:
    """Return the net of a record with the weights of a file. Raises `Rejected` if they do not fit."""
    from archlang.lower import module
    from archlang.program import program_of

    state = fitted_state(record.graph, measured_tensors(weights), str(weights))
    made = module(program_of(record.graph), 0)
    made.load_state_dict(state)
    return Predictor(record, made.to(device).eval(), weights, device)


def chosen(graph: Graph, recipe: Recipe | None, weights: Path) -> tuple[Record, Path]:
    """Return what is known of a net and its data, and the file of weights: the record of its run, if there is one."""
    file, record = located(weights)
    if record is not None and record.graph == graph:
        return record, file
    if recipe is not None:
        return _of_recipe(graph, recipe), file
    inputs = [port.name for port in graph.root.inputs]
    fields = {name: "image" if at == 0 else name for at, name in enumerate(inputs)}
    return Record("", graph, "", {}, (), (), fields), file


def _of_recipe(graph: Graph, recipe: Recipe) -> Record:
    """Return what a recipe says of the data. Raises `Rejected` if it leaves numbers to the data."""
    transforms: list[Described] = []
    for stage in recipe.stages:
        for part in stage.parts if stage.where != "augment" else ():
            if part.word == "normalize" and len(part.given) < 2:
                help = "name the folder of the run, which knows them, or write them: `normalize mean=[0.5] std=[0.2]`"
                message = f"`normalize` of {recipe.name} takes mean and deviation from the training data"
                raise Rejected("bad-data", message, help=help)
            given = {name: value for name, value in part.arguments.items() if name in part.given}
            arguments = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
            transforms.append(Described(part.word, arguments, False))
    kind = recipe.data.word
    fields = list(DATA[kind].fields(recipe.data.arguments, graph)) or ["image"]
    sources = fed(recipe, [port.name for port in graph.root.inputs], fields)
    names, loss = _NAMES.get(kind, ()), recipe.losses[0].part.word
    return Record(recipe.name, graph, kind, recipe.data.arguments, names, tuple(transforms), sources, loss)


def stacked(file: BinaryIO, results: Sequence[Predicted]) -> None:
    """Write the outputs of samples as an .npz file: an array for each output of the net, a row for each sample."""
    import torch

    numpy: Any = need("numpy", "arrays are written by")
    names = results[0].values if results else ()
    numpy.savez(file, **{name: torch.stack([one.values[name] for one in results]).numpy() for name in names})


def plain(value: Tensor) -> list[Any]:
    """Return the numbers of a tensor as lists."""
    found: list[Any] = cast(Any, value).tolist()
    return found
