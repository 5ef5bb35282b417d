"""The function of a script that runs the net on a batch and computes the loss."""

from __future__ import annotations

from collections.abc import Mapping

from archlang.lower.written import Written
from archlang.recipes.losses import LOSSES, loss_of
from archlang.recipes.reading import NOISE
from archlang.recipes.recipe import LossTerm, Part
from archlang.train import own_losses
from archlang.train.script.copying import copied
from archlang.train.script.own_loss import own_loss
from archlang.train.script.plan import Plan, Script
from archlang.train.script.rows import Laid, Row, called, indented, text_of
from archlang.train.script.values import keywords, literal

_KL = '''
def kl_divergence(mean, logvar):
    """Return the divergence from the standard normal distribution, over all values.

    Kingma and Welling 2013 (arXiv:1312.6114), appendix B.
    """
    return -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum()
'''

WITHOUT_CLASS = frozenset({"kl", "magnitude"})  # losses that torch has no class for
COPIED = {"yolov1": (own_losses.yolo_v1, own_losses.yolo_v1_cells, own_losses.yolo_v1_overlap)}
MEASURED_BY_VALUES = frozenset(
    {"accuracy", "error", "iou", "mae", "map", "rmse"}
)  # by the two values of the first loss


def results_of(plan: Plan) -> list[str]:
    """Return what `loss_of` returns: the loss, and what the measures need of the first of its terms."""
    words = {part.word for part in plan.metrics}
    found = ["loss"]
    if "perplexity" in words and len(plan.terms) > 1:
        found.append("first")
    if words & MEASURED_BY_VALUES:
        found += ["output", "target"]
    return found


def losing(plan: Plan, script: Script, dtypes: Mapping[str, str | None]) -> None:
    """Write `loss_of`; `dtypes` are those of the fields as the batch has them."""
    criteria = _criteria(plan, script)
    rows: list[Row] = [*_moved(plan, dtypes), *_run(plan, criteria)]
    if plan.recipe.precision != "fp32":
        dtype = "bfloat16" if plan.recipe.precision == "bf16" else "float16"
        at = len(_moved(plan, dtypes))
        rows = [*rows[:at], f"with torch.autocast(device.type, torch.{dtype}):", *indented(rows[at:])]
    if plan.recipe.accumulate > 1 and any(_is_summed(term) for term, _ in plan.terms):
        rows.insert(0, "parts = ACCUMULATE if model.training else 1  # the mean of the parts trains: here a sum")
    returned = [_returned(plan, one) for one in results_of(plan)]
    told = {"loss": "the loss", "first": "its first term", "output": "what it compares"}
    named = [told[one] for one in results_of(plan) if one in told]
    doc = f'"""Return {", ".join(named[:-1])}{" and " if len(named) > 1 else ""}{named[-1]} of a batch."""'
    body = indented([doc, *rows, f"return {', '.join(returned)}"])
    script.add(text_of(["def loss_of(model, batch, device):", *body]), "import torch")


def _returned(plan: Plan, word: str) -> str:
    """Return the expression of a result of `loss_of`."""
    first, names = plan.terms[0]
    match word:
        case "output":
            return _compared(plan, first, names)[0]
        case "target":
            return _compared(plan, first, names)[1]
        case _:
            return word


def _moved(plan: Plan, dtypes: Mapping[str, str | None]) -> list[str]:
    """Return the lines that bring fields to the device, and inputs to the dtype that the net takes."""
    root = plan.graph.root
    rows: list[str] = []
    ports = {port.name for port in (*root.inputs, *root.outputs)}
    compared = dict.fromkeys(name for _, names in plan.terms for name in names)
    for port in root.inputs:
        source, type = plan.sources[port.name], root.types[port.value]
        name = plan.names[port.name]
        if source in NOISE:
            draw = "randn" if source == "normal" else "rand"
            sizes = ", ".join(map(str, type.shape[1:]))
            rows.append(f'{name} = torch.{draw}(len(batch["{plan.target}"]), {sizes}).to(device)')
        else:
            rows.append(f'{name} = batch["{source}"].to(device){_as(dtypes.get(source), type.dtype)}')
    for name in compared:
        if name in plan.dtypes and name not in ports:
            rows.append(f'{plan.names[name]} = batch["{name}"].to(device)')
    return rows


def _as(dtype: str | None, wanted: str) -> str:
    """Return the conversion of a field to the dtype of an input: bytes become floats from 0 to 1."""
    if dtype == wanted:
        return ""
    method = ".float()" if wanted == "float32" else ".long()" if wanted == "int64" else f".to(torch.{wanted})"
    return f"{method} / 255" if dtype == "uint8" and wanted.startswith(("float", "bfloat")) else method


def _run(plan: Plan, criteria: Mapping[int, str]) -> list[Row]:
    """Return the lines that run the net and add up the terms; in training there may be more outputs and terms."""
    if not plan.has_modes:
        return [*_outputs(plan, training=False), *_sum(plan, criteria, training=False)]
    return [
        "if model.training:",
        *indented([*_outputs(plan, training=True), *_sum(plan, criteria, training=True)]),
        "else:",
        *indented([*_outputs(plan, training=False), *_sum(plan, criteria, training=False)]),
    ]


def _outputs(plan: Plan, training: bool) -> list[Row]:
    root = plan.graph.root
    used = {name for _, names in plan.terms for name in names if training or not _is_late(plan, names)}
    ports = [port.name for port in root.outputs if training or not port.training]
    targets = [plan.names[port] if port in used else "_" for port in ports]
    inputs = tuple(plan.names[port.name] for port in root.inputs)
    return [called(f"{', '.join(targets)} = ", "model", *inputs)]


def _is_late(plan: Plan, names: tuple[str, ...]) -> bool:
    """Return whether a term compares what exists in training alone."""
    return any(name in plan.training_only for name in names)


def _sum(plan: Plan, criteria: Mapping[int, str], training: bool) -> list[Row]:
    """Return the line that adds up the terms, or one for each if it is long."""
    chosen = [(at, *one) for at, one in enumerate(plan.terms) if training or not _is_late(plan, one[1])]
    summands = [_summand(plan, term, names, criteria[at]) for at, term, names in chosen]
    rows: list[Row] = []
    if "first" in results_of(plan):
        rows.append(f"first = {summands[0]}")
        summands[0] = "first"
    whole = f"loss = {' + '.join(summands)}"
    if len(whole) < 76:
        return [*rows, whole]
    return [*rows, f"loss = {summands[0]}", *(f"loss = loss + {one}" for one in summands[1:])]


def _summand(plan: Plan, term: LossTerm, names: tuple[str, ...], criterion: str) -> str:
    if term.part.word == "magnitude":
        method = "abs" if term.part.arguments["p"] == 1 else "square"
        call = f"{plan.names[names[0]]}.{method}().{term.part.arguments['reduction']}()"
    else:
        given = keywords(term.part) if term.part.word in COPIED else []
        call = f"{criterion}({', '.join([*_compared(plan, term, names), *given])})"
    if term.own is not None:
        call += f".{term.part.arguments['reduction']}()"
    if term.part.word == "kl" and term.part.arguments["reduction"] == "mean":
        call += f" / {plan.names[names[0]]}.numel()"
    if plan.recipe.accumulate > 1 and _is_summed(term):
        return f"parts * {call}" if term.scale == 1.0 else f"({literal(term.scale)} * parts) * {call}"
    return call if term.scale == 1.0 else f"{literal(term.scale)} * {call}"


def _is_summed(term: LossTerm) -> bool:
    """Return whether a loss is summed over a batch: over its parts too, while the gradients are their mean."""
    return term.part.arguments.get("reduction") == "sum"


def _compared(plan: Plan, term: LossTerm, names: tuple[str, ...]) -> list[str]:
    """Return the values that a loss compares; its classes are axis 1."""
    values = [plan.names[name] for name in names]
    axis = plan.fitted.class_axis(names[0]) if loss_of(term.part.word).of_classes else 1
    return [values[0] if axis == 1 else f"{values[0]}.movedim({axis}, 1)", *values[1:]]


def _criteria(plan: Plan, script: Script) -> dict[int, str]:
    """Write the loss functions, each once, and return the name of that of each term."""
    made: dict[str, str] = {}
    found: dict[int, str] = {}
    words = {term.part.word for term, _ in plan.terms if term.own is None} - WITHOUT_CLASS
    for at, (term, _) in enumerate(plan.terms):
        if term.part.word == "kl":
            found[at] = "kl_divergence"
            if _KL.strip() not in script.functions:
                script.add(_KL)
            continue
        if term.part.word in WITHOUT_CLASS:
            found[at] = ""
            continue
        if term.own is not None:
            found[at] = own_loss(plan, term, plan.terms[at][1], script)
            continue
        if term.part.word in COPIED:
            functions = [copied(one) for one in COPIED[term.part.word]]
            script.functions += [one for one in functions if one not in script.functions]
            found[at] = COPIED[term.part.word][0].__name__
            continue
        call = Written(f"nn.{LOSSES[term.part.word].known.name}", tuple(_arguments(term.part)))
        if str(call) not in made:
            plain = "criterion" if len(words) == 1 else f"{term.part.word}_loss"
            made[str(call)] = plain if plain not in made.values() else f"{plain}{len(made) + 1}"
            script.constants += text_of([Laid(f"{made[str(call)]} = ", call)]).split("\n")
        found[at] = made[str(call)]
    return found


def _arguments(part: Part) -> list[str]:
    return [
        f"{name}=torch.tensor({text})" if text.startswith("[") else f"{name}={text}"
        for name, text in (one.split("=", 1) for one in keywords(part))
    ]


def criteria_with_tensors(script: Script) -> list[str]:
    """Return the names of the loss functions that hold tensors, which move to the device."""
    made = [row.split(" = ")[0] for row in script.constants if " = nn." in row and "torch.tensor(" in row]
    return [*made, *(text.split(" = ")[0] for text in script.functions if not text.startswith(("def ", "class ", "@")))]
