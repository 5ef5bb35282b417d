"""The function of a script that measures the net on the held-out samples."""

from __future__ import annotations

from archlang.recipes.reading import NOISE
from archlang.recipes.recipe import Part
from archlang.train import detecting
from archlang.train.measuring import told
from archlang.train.script.copying import copied
from archlang.train.script.losing import results_of
from archlang.train.script.plan import Plan, Script
from archlang.train.script.rows import Row, indented, text_of

_IOU = '''
def mean_iou(confusion):
    """Return the mean over the classes that occur of intersection over union."""
    both = confusion.diagonal().double()
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    return (both[union > 0] / union[union > 0]).mean().item()
'''


def measuring(plan: Plan, script: Script) -> None:
    """Write `evaluate`."""
    parts = {told(part): part for part in plan.metrics}
    words = {part.word for part in parts.values()}
    if "iou" in words:
        script.add(_IOU)
    if "map" in words:
        script.constants.append(f"OVERLAPPING = {detecting.OVERLAPPING}  # of two such boxes, the likelier is kept")
        every = (detecting.overlaps, detecting.average_precision, detecting.Detections, detecting.boxes_of_cells)
        script.functions += map(copied, every)
        script.imports |= {"from collections import Counter", "from dataclasses import dataclass, field"}
        script.imports.add("from itertools import accumulate")
    if "perplexity" in words or "rmse" in words:
        script.imports.add("import math")
    results = results_of(plan)
    starts, adds, gives = _sums(plan, parts, "output" in results)
    unpacked = ", ".join(results)
    rows: list[Row] = ['"""Return the mean loss and the measures over the held-out samples."""', "model.eval()"]
    if any(source in NOISE for source in plan.sources.values()):
        rows.append('torch.manual_seed(key("held out"))')
    rows += starts
    rows += ["for batch in held_out:", f"    {unpacked} = loss_of(model, batch, device)", *indented(adds)]
    rows += ["return {", *(f'    "{name}": {value},' for name, value in gives.items()), "}"]
    text = text_of(["@torch.inference_mode()", "def evaluate(model, held_out, device):", *indented(rows)])
    script.add(text, "import torch")


def _sums(plan: Plan, parts: dict[str, Part], has_values: bool) -> tuple[list[str], list[str], dict[str, str]]:
    """Return the lines before the loop, those of each batch, and the results."""
    starts = ["total, samples = 0.0, 0"]
    adds = [f'count = len(batch["{plan.target}"])', "total += loss.item() * count", "samples += count"]
    gives = {"loss": "total / samples"}
    positions = "samples"
    if any(part.word in ("accuracy", "error") for part in parts.values()) and _has_positions(plan):
        starts.append("positions = 0")
        adds.append("positions += target.numel()")
        positions = "positions"
    for name, part in parts.items():
        starts_one, adds_one, value = _measure(plan, part, positions)
        if not set(starts_one) & set(starts):  # accuracy and error count the same
            starts += starts_one
            adds += adds_one
        gives[name] = value or gives["loss"]
    return starts, adds, gives


def _has_positions(plan: Plan) -> bool:
    """Return whether a sample has several targets, as text and segmentation have."""
    first = plan.fitted.fields.get(plan.terms[0][1][1]) if len(plan.terms[0][1]) > 1 else None
    return first is None or first.shape != ()


def _measure(plan: Plan, part: Part, positions: str) -> tuple[list[str], list[str], str]:
    """Return the line before the loop, those of a batch, and the result of a measure."""
    match part.word:
        case "accuracy" | "error":
            top = int(part.number("top"))
            variable = "right" if top == 1 else f"right_top{top}"
            adds = [f"{variable} += (output.argmax(1) == target).sum().item()"]
            if top > 1:
                adds = [f"best = output.topk(min({top}, output.shape[1]), 1).indices"]
                adds.append(f"{variable} += (best == target.unsqueeze(1)).sum().item()")
            share = f"{variable} / {positions}"
            return [f"{variable} = 0"], adds, share if part.word == "accuracy" else f"1 - {share}"
        case "mae":
            difference = "(output - target).abs().double().mean().item()"
            return ["absolute = 0.0"], [f"absolute += {difference} * count"], "absolute / samples"
        case "rmse":
            difference = "(output - target).square().double().mean().item()"
            return ["squares = 0.0"], [f"squares += {difference} * count"], "math.sqrt(squares / samples)"
        case "perplexity":
            if "first" not in results_of(plan):
                return [], [], "math.exp(min(total / samples, 700))"
            return ["entropy = 0.0"], ["entropy += first.item() * count"], "math.exp(min(entropy / samples, 700))"
        case "map":
            boxes = int(plan.terms[0][0].part.number("boxes"))
            adds = [
                f"for one in zip(*boxes_of_cells(output, {boxes}), target, strict=True):",
                "    detections.add(*(value.cpu() for value in one))",
            ]
            return [f"detections = Detections({part.number('iou')!r})"], adds, "detections.mean()"
        case "iou":
            adds = [
                "classes = output.shape[1]",
                "valid = (target >= 0) & (target < classes)",
                "pairs = target[valid].long() * classes + output.argmax(1)[valid]",
                "counted = torch.bincount(pairs.flatten(), minlength=classes * classes)",
                "confusion = confusion + counted.view(classes, classes)",
            ]
            return ["confusion = 0"], adds, "mean_iou(confusion)"
        case _:
            return [], [], ""
