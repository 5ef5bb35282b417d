"""The main function of a script: the objects, and the loop over epochs and batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from archlang.recipes.measures import SMALLER_IS_BETTER
from archlang.recipes.transforms import MIXES
from archlang.train.measuring import watched
from archlang.train.script.averaging import average, before_average, before_epoch, behind_epoch, measured, updated
from archlang.train.script.losing import criteria_with_tensors, results_of
from archlang.train.script.optimizing import condition, is_warmed_plateau, optimizer, schedule, warmed_up
from archlang.train.script.plan import Plan, Script
from archlang.train.script.reading import Reading
from archlang.train.script.rows import Row, called, indented, listed, text_of
from archlang.train.script.transforming import Transforming


@dataclass(frozen=True)
class Looping:
    """Writes `main`. `batches` and `held_out` are the calls that give the batches of both parts.

    `behind_loss` and `behind_step` are the lines behind the loss of a part and behind the optimiser's step.
    """

    plan: Plan
    reading: Reading
    transforms: Transforming
    batches: str
    held_out: str
    behind_loss: Sequence[Row] = ()
    behind_step: Sequence[Row] = ()

    def write(self, script: Script) -> None:
        """Write `main`."""
        rows: list[Row] = [*self._options(), "", *self._data(), "", *self._objects(script), "", *self._epochs()]
        script.add(text_of(["def main():", *indented(rows)]), "import argparse", "import math", "import pathlib")
        script.imports.add("import torch")
        if self.plan.recipe.steps is not None:
            script.imports.add("import itertools")
        if self.plan.recipe.mixes:
            script.imports.add("from torchvision.transforms import v2")

    # ---- before the loop

    def _options(self) -> list[Row]:
        recipe, plan = self.plan.recipe, self.plan
        rows: list[Row] = ["parser = argparse.ArgumentParser()"]
        if self.reading.takes_path:
            given = "required=True" if plan.path is None else f'default=pathlib.Path("{plan.path.as_posix()}")'
            rows.append(called("", "parser.add_argument", '"--data"', "type=pathlib.Path", given))
        folder = f'default=pathlib.Path("{recipe.name}")'
        rows.append(called("", "parser.add_argument", '"--out"', "type=pathlib.Path", folder))
        rows.append('parser.add_argument("--device", type=torch.device, default="cpu")')
        if not self.reading.in_memory:
            rows.append('parser.add_argument("--workers", type=int, default=0)')
        return [
            *rows,
            "options = parser.parse_args()",
            "device = options.device",
            "options.out.mkdir(parents=True, exist_ok=True)",
            "torch.backends.cudnn.deterministic = True",
        ]

    def _data(self) -> list[Row]:
        path = "options.data" if self.reading.takes_path else ""
        rows: list[Row] = [f"training, held_out = load_data({path})", *self.transforms.lines]
        if self.plan.recipe.mixes and self.transforms.held_out == "uint8":  # what is mixed is floats already
            rows.append('held_out["image"] = held_out["image"].float() / 255')
        return rows

    def _objects(self, script: Script) -> list[Row]:
        recipe, plan = self.plan.recipe, self.plan
        rows: list[Row] = ["torch.manual_seed(SEED)", f"model = {plan.net[1]}().to(device)"]
        rows += [f"{name}.to(device)" for name in criteria_with_tensors(script)]
        rows += self._frozen()
        rows += optimizer(plan, script)
        rate = schedule(plan)
        rows += self._counts(rate)
        rows += rate
        rows += average(plan, script)
        if recipe.precision == "fp16":
            rows.append("scaler = torch.amp.GradScaler(device.type)")
        return rows + self._mixes()

    def _counts(self, rate: Sequence[Row]) -> list[Row]:
        """Return the lines that count steps, as far as they are needed."""
        recipe = self.plan.recipe
        field = f'training["{self.plan.target}"]' if self.reading.in_memory else "training"
        least = "2 * ACCUMULATE" if recipe.batch >= 2 * recipe.accumulate else "BATCH"
        left_out = "1" if recipe.accumulate == 1 else f"{least} + 1"
        count = f"len({field})" if recipe.batch == 1 else f"-(-(len({field}) - {left_out}) // BATCH)"
        rows: list[Row] = []
        text = " ".join(map(str, rate))
        if recipe.steps is not None or "steps" in text:
            rows.append(f"steps_per_epoch = {count}")
        if recipe.steps is None and "steps" in text.replace("total_steps=", ""):
            rows.append("steps = EPOCHS * steps_per_epoch")
        return rows

    def _mixes(self) -> list[Row]:
        plan = self.plan
        calls = [
            f"v2.{MIXES[part.word].name}(alpha={part.number('alpha')!r}, num_classes={plan.classes})"
            for part in plan.recipe.mixes
        ]
        if len(calls) == 1:
            return [f"mix = {calls[0]}"]
        return [listed("mixes = ", calls)] if calls else []

    # ---- the loop

    def _epochs(self) -> list[Row]:
        recipe = self.plan.recipe
        steps = recipe.steps is not None
        rows: list[Row] = ["step = 0", f"best = {'math.inf' if self._falls else '-math.inf'}"]
        if recipe.stop is not None:
            rows.append("waited = 0")
        count = "-(-STEPS // steps_per_epoch)" if steps else "EPOCHS"
        rows.append(f"for epoch in range({count}):")
        body: list[Row] = [*self._frozen_by_epoch(), *before_epoch(self.plan), "model.train()", "losses = []"]
        batches = f"itertools.islice({self.batches}, STEPS - step)" if steps else self.batches
        body.append(f"for batch in {batches}:")
        body += indented(self._step())
        body += self._after()
        rows += indented(body)
        return [*rows, f'torch.save({measured(recipe)}.state_dict(), options.out / "last.pt")']

    @property
    def _watched(self) -> str:
        return watched(self.plan.recipe)

    @property
    def _falls(self) -> bool:
        return self._watched.split()[0] in SMALLER_IS_BETTER

    def _step(self) -> list[Row]:
        recipe = self.plan.recipe
        loss = "loss, *_ = loss_of" if len(results_of(self.plan)) > 1 else "loss = loss_of"
        backward = "scaler.scale(loss).backward()" if recipe.precision == "fp16" else "loss.backward()"
        rows: list[Row] = []
        if recipe.accumulate == 1:
            rows += ['torch.manual_seed(key("step", step))  # of dropout and the like', "optimizer.zero_grad()"]
            rows += [*self._mixed("batch"), f"{loss}(model, batch, device)", *self.behind_loss, backward]
            rows.append("losses.append(loss.item())")
        else:
            rows += ["optimizer.zero_grad()", "total = 0.0", "for number, part in enumerate(parts_of(batch)):"]
            part: list[Row] = [
                'torch.manual_seed(key("step", step, number))  # of dropout and the like',
                *self._mixed("part"),
                f"{loss}(model, part, device)",
                *self.behind_loss,
                "loss = loss / ACCUMULATE",
                backward,
            ]
            rows += [*indented([*part, "total += loss.item()"]), "losses.append(total)"]
        rows += self._update()
        return [*rows, "step += 1", *self._every_step()]

    def _mixed(self, batch: str) -> list[Row]:
        count = len(self.plan.recipe.mixes)
        if not count:
            return []
        rows: list[Row] = [f"mix = mixes[int(torch.randint({count}, ()))]"] if count > 1 else []
        image, label = f'{batch}["image"]', f'{batch}["label"]'
        floats = f"{image}.float() / 255" if self.transforms.training == "uint8" else image
        return [*rows, called(f"{image}, {label} = ", "mix", floats, label)]

    def _update(self) -> list[Row]:
        recipe = self.plan.recipe
        has_scaler = recipe.precision == "fp16"
        rows: list[Row] = []
        if recipe.clip is not None:
            word = "norm" if "norm" in recipe.clip.given else "value"
            rows += ["scaler.unscale_(optimizer)"] if has_scaler else []
            rows.append(f"nn.utils.clip_grad_{word}_(model.parameters(), {recipe.clip.number(word)!r})")
        step = ["scaler.step(optimizer)", "scaler.update()"] if has_scaler else ["optimizer.step()"]
        return [*rows, *step, *self.behind_step]

    def _every_step(self) -> list[Row]:
        recipe = self.plan.recipe
        rows = updated(recipe)
        if recipe.schedule.by == "step":
            rows += self._scheduled()
        return rows

    def _scheduled(self) -> list[Row]:
        """Return the lines that step a schedule which does not wait for results."""
        plan = self.plan
        if not plan.recipe.schedule.parts:
            return []
        if is_warmed_plateau(plan):
            return [f"if {warmed_up(plan, is_done=False)}:", *indented(before_average(plan.recipe, "warmup.step()"))]
        return [] if self._is_plateau else before_average(plan.recipe, "scheduler.step()")

    def _plateaued(self) -> list[Row]:
        """Return the lines that give the result of an epoch to a schedule which waits for it."""
        if not self._is_plateau:
            return []
        rows = before_average(self.plan.recipe, 'scheduler.step(results["loss"])')
        if not is_warmed_plateau(self.plan):
            return rows
        return [f"if {warmed_up(self.plan, is_done=True)}:", *indented(rows)]

    @property
    def _is_plateau(self) -> bool:
        return any(part.word == "reduceonplateau" for part in self.plan.recipe.schedule.parts)

    def _after(self) -> list[Row]:
        """Return what follows the steps of an epoch: the schedule, the measures, the best weights, the end."""
        recipe = self.plan.recipe
        rows: list[Row] = []
        if recipe.schedule.by == "epoch":
            rows += self._scheduled()
        rows += behind_epoch(self.plan, self.batches)
        rows.append(f"results = evaluate({measured(recipe)}, held_out_batches({self.held_out}), device)")
        rows += self._plateaued()
        rows += [
            'shown = ", ".join(f"{name} {value:.4f}" for name, value in results.items())',
            "mean = sum(losses) / len(losses)",
            'print(f"epoch {epoch + 1}: training loss {mean:.4f}, {shown}")',
            f'if results["{self._watched}"] {"<" if self._falls else ">"} best:',
            f'    best = results["{self._watched}"]',
        ]
        rows += ["    waited = 0"] if recipe.stop is not None else []
        rows.append(f'    torch.save({measured(recipe)}.state_dict(), options.out / "best.pt")')
        if recipe.stop is not None:
            rows += ["else:", "    waited += 1", f"if waited >= {int(recipe.stop.number('after'))}:", "    break"]
        return rows

    # ---- parameters that do not train

    def _frozen(self) -> list[Row]:
        """Return the lines that freeze parameters for the whole run, where none is frozen for a part of it."""
        freezes = self.plan.recipe.freezes
        if any(freeze.until is not None for freeze in freezes):
            return []
        targets = [one for freeze in freezes for one in freeze.targets]
        return self._set(condition(targets, self.plan), "False") if targets else []

    def _frozen_by_epoch(self) -> list[Row]:
        """Return the lines that say what trains in an epoch. What is frozen longer comes later, as it has the word."""
        freezes = self.plan.recipe.freezes
        if all(freeze.until is None for freeze in freezes):
            return []
        rows: list[Row] = []
        for freeze in sorted(freezes, key=lambda one: one.until or math.inf):
            value = "False" if freeze.until is None else f"epoch >= {freeze.until}"
            rows += self._set(condition(freeze.targets, self.plan), value)
        return rows

    def _set(self, condition: str, value: str) -> list[Row]:
        rows: list[Row] = ["for name, parameter in model.named_parameters():"]
        if "isinstance(module" in condition:
            rows.append('    module = model.get_submodule(name.rpartition(".")[0])')
        return [*rows, f"    if {condition}:", f"        parameter.requires_grad_({value})"]
