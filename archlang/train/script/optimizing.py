"""The optimiser of a script with its groups, and the schedule."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from dataclasses import dataclass

from archlang.ir import OpNode
from archlang.lower.written import Written
from archlang.ops.base import Module
from archlang.recipes.fitting import NORMS
from archlang.recipes.optimizers import OPTIMIZERS
from archlang.recipes.recipe import Group, Named, Part
from archlang.recipes.schedules import LENGTHS, SCHEDULES, WHOLE_RUN
from archlang.train.script.plan import Plan, Script
from archlang.train.script.rows import Laid, Row, called, indented, listed, text_of
from archlang.train.script.values import keywords, literal

_CONDITION = 68  # the width of a condition on one line


# ---- groups


def optimizer(plan: Plan, script: Script) -> list[Row]:
    """Write the function of the groups, and return the lines that make the optimiser."""
    part = plan.recipe.optimizer
    parameters = "model.parameters()"
    if plan.recipe.groups:
        _groups(plan, script)
        parameters = "parameter_groups(model)"
    elif any(layer.frozen for layer in plan.fitted.facts.layers):
        parameters = "[one for one in model.parameters() if one.requires_grad]"
    return [called("optimizer = ", f"torch.optim.{OPTIMIZERS[part.word].name}", parameters, *keywords(part))]


@dataclass(frozen=True)
class _Chosen:
    """A group of parameters: its variable, the condition by which a parameter is in it, and its settings."""

    variable: str
    condition: str
    group: Group


def _groups(plan: Plan, script: Script) -> None:
    """Write `parameter_groups`."""
    groups, rest = _chosen(plan), _rest_of(plan)
    variables = [*(["rest"] if rest else []), *(one.variable for one in groups)]
    needs_module = any("isinstance(module" in one.condition for one in groups)
    rows: list[Row] = ['"""Return the parameters in groups with settings of their own."""']
    rows.append(f"{', '.join(variables)} = {', '.join('[]' for _ in variables)}")
    rows.append("for name, parameter in model.named_parameters():")
    body = ['module = model.get_submodule(name.rpartition(".")[0])'] if needs_module else []
    if any(layer.frozen for layer in plan.fitted.facts.layers):
        body += ["if not parameter.requires_grad:", "    continue"]
    for at, one in enumerate(groups):
        word = "elif" if at else "if"
        body += _condition(word, one.condition)
        body.append(f"    {one.variable}.append(parameter)")
    body += ["else:", "    rest.append(parameter)"] if rest else []
    rows += indented(body)
    rows.append("return [")
    rows += ['    {"params": rest},'] if rest else []
    for one in groups:
        settings = ", ".join(f'"{name}": {literal(value)}' for name, value in one.group.settings.items())
        rows.append(f'    {{"params": {one.variable}, {settings}}},')
    rows.append("]")
    script.add(text_of(["def parameter_groups(model):", *indented(rows)]))


def _rest_of(plan: Plan) -> set[str]:
    """Return the parameters that are in no group."""
    grouped = {
        path for group in plan.recipe.groups for target in group.targets for path in plan.fitted.chosen(target.text)
    }
    return set(plan.fitted.parameters) - grouped


def _condition(word: str, condition: str) -> list[str]:
    if len(condition) <= _CONDITION:
        return [f"{word} {condition}:"]
    parts = condition.split(" or ")
    return [f"{word} (", *(f"    {'or ' if at else ''}{part}" for at, part in enumerate(parts)), "):"]


def _chosen(plan: Plan) -> list[_Chosen]:
    """Return the groups that have parameters left, each with its condition."""
    found: list[_Chosen] = []
    taken: set[str] = set()
    for number, group in enumerate(plan.recipe.groups, 1):
        paths = {path for target in group.targets for path in plan.fitted.chosen(target.text)} - taken
        taken |= paths
        if paths:
            name = "_".join(target.text for target in group.targets[:2]).replace(".", "_")
            taken_names = {"rest", "name", "module", "parameter", "model", *(one.variable for one in found)}
            is_free = name.isidentifier() and not keyword.iskeyword(name) and len(name) < 24 and name not in taken_names
            found.append(_Chosen(name if is_free else f"group{number}", condition(group.targets, plan), group))
    return found


def condition(targets: Sequence[Named], plan: Plan) -> str:
    """Return the condition on `name` and `module` that a parameter is one of the targets."""
    parts: list[str] = []
    modules: list[str] = []
    names: list[str] = []
    for target in targets:
        chosen = plan.fitted.chosen(target.text)
        classes = _classes(target.text, plan)
        if classes:
            modules += classes
        elif target.text == "biases" and _ends(plan) == set(chosen):
            parts.append('name.endswith("bias")')
        elif target.text in ("norms", "biases", "embeddings") or target.text in plan.fitted.parameters:
            names += chosen
        else:
            names.append(f"{target.text}.")
    prefixes = [name for name in names if name.endswith(".")]
    whole = [name for name in names if not name.endswith(".")]
    if modules:
        listed = dict.fromkeys(modules)
        parts.insert(0, f"isinstance(module, {_one_or_tuple(list(listed))})")
    if prefixes:
        parts.append(f"name.startswith({_one_or_tuple(_quoted(prefixes))})")
    if whole:
        parts.append(f"name {'==' if len(whole) == 1 else 'in'} {_one_or_tuple(_quoted(whole))}")
    return " or ".join(parts)


def _quoted(names: Sequence[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def _one_or_tuple(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _ends(plan: Plan) -> set[str]:
    return {path for path in plan.fitted.parameters if path.endswith("bias")}


def _classes(word: str, plan: Plan) -> list[str]:
    """Return the classes of torch that are all norms, or embeddings, of the net; none if no class tells them."""
    if word not in ("norms", "embeddings"):
        return []
    found: dict[str, None] = {}
    for call in plan.program.walk():
        if not isinstance(call.node, OpNode):
            continue
        op = call.node.op
        is_one = op.word in NORMS if word == "norms" else "embedding" in op.word
        target = call.torch.target if isinstance(call.torch, Module) else ""
        if is_one and not target.startswith("torch.nn."):
            return []
        if is_one:
            found[target.removeprefix("torch.")] = None
    # a module with modules inside, whose classes nothing here knows, is told by its names
    has_inner = any(path[len(layer.path) + 1 :].count(".") for path, layer in plan.fitted.parameters.items())
    return [] if has_inner else list(found)


# ---- schedule


def schedule(plan: Plan) -> list[Row]:
    """Return the lines that make the schedule; none for a constant rate."""
    parts = plan.recipe.schedule.parts
    if not parts:
        return []
    calls: list[Written] = []
    before, starts = 0, list[int]()
    for part in parts:
        calls.append(_call(plan, part, before))
        value = part.arguments.get("length" if part.word == "warmup" else "total_iters", 0)
        before += value if isinstance(value, int) else 0
        starts.append(before)
    if len(calls) == 1:
        return [Laid("scheduler = ", calls[0])]
    if is_warmed_plateau(plan):
        return [Laid("warmup = ", calls[0]), Laid("scheduler = ", calls[1])]
    milestones = f"milestones=[{', '.join(literal(start) for start in starts[:-1])}]"
    joined = called("scheduler = ", "torch.optim.lr_scheduler.SequentialLR", "optimizer", "schedules", milestones)
    return [listed("schedules = ", calls), joined]


def is_warmed_plateau(plan: Plan) -> bool:
    """Return whether a warm-up comes before `reduceonplateau`, which torch's SequentialLR does not take."""
    parts = plan.recipe.schedule.parts
    return len(parts) == 2 and parts[1].word == "reduceonplateau"


def warmed_up(plan: Plan, *, is_done: bool) -> str:
    """Return the condition that the warm-up before a plateau lasts, or that it is done: behind a step, or an epoch."""
    schedule = plan.recipe.schedule
    length = schedule.parts[0].arguments["length" if schedule.parts[0].word == "warmup" else "total_iters"]
    count = "step" if schedule.by == "step" else "epoch + 1"
    return f"{count} {'>=' if is_done else '<='} {literal(length)}"


def _call(plan: Plan, part: Part, before: int) -> Written:
    if part.word == "warmup":
        arguments = [f"start_factor={literal(part.arguments['start_factor'])}"]
        arguments.append(f"total_iters={literal(part.arguments['length'])}")
        return Written("torch.optim.lr_scheduler.LinearLR", ("optimizer", *arguments))
    if part.word == "timebased":
        decay = literal(part.arguments["decay"])
        return Written("torch.optim.lr_scheduler.LambdaLR", ("optimizer", f"lambda t: 1 / (1 + {decay} * t)"))
    arguments = [*keywords(part, skip=_CYCLED.get(part.word, ())), *_cycled(plan, part)]
    length = LENGTHS.get(part.word)
    if length is not None and part.arguments[length] == WHOLE_RUN:
        arguments.append(f"{length}={_rest(plan, before)}")
    return Written(f"torch.optim.lr_scheduler.{SCHEDULES[part.word].name}", ("optimizer", *arguments))


_CYCLED = {"onecycle": ("max_lr",), "cyclic": ("base_lr", "max_lr")}


def _cycled(plan: Plan, part: Part) -> list[str]:
    """Return the rates of a cycle, one for each group where a group has a rate of its own: in proportion to it."""
    words = _CYCLED.get(part.word, ())
    if not words:
        return []
    rate = part.number(words[0])
    factors = [float(str(one.group.settings.get("lr", rate))) / rate for one in _chosen(plan)]
    if all(factor == 1.0 for factor in factors):
        return [f"{word}={literal(part.arguments[word])}" for word in words]
    factors = [*([1.0] if _rest_of(plan) else []), *factors]
    return [f"{word}={literal(tuple(part.number(word) * factor for factor in factors))}" for word in words]


def _rest(plan: Plan, before: int) -> str:
    """Return how many steps, or epochs, are left behind so many."""
    recipe = plan.recipe
    by_step = recipe.schedule.by == "step"
    whole = ("STEPS" if recipe.steps is not None else "steps") if by_step else _epochs(plan)
    if not before:
        return whole
    known = recipe.steps if by_step else recipe.epochs
    is_longer = known is not None and known > before
    return f"{whole} - {literal(before)}" if is_longer else f"max(1, {whole} - {literal(before)})"


def _epochs(plan: Plan) -> str:
    return "EPOCHS" if plan.recipe.epochs is not None else "-(-STEPS // steps_per_epoch)"
