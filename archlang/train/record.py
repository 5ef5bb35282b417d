"""What a run knows and its spec does not say: the net as compiled, the names of classes, the measured transforms.

With it, a trained net is used on other files exactly as it was measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from archlang.diagnostics import Rejected
from archlang.files import write_whole
from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.recipes.arguments import Setting
from archlang.recipes.stored import as_data, of_data
from archlang.train.data import Data
from archlang.train.session import Session
from archlang.train.transforming import Described, Transformed

RECORD = "trained.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """A trained net: its recipe, the net, the kind of data with its arguments, and how held-out samples are prepared.

    `transforms` have every number that was measured on the training samples. `classes` are the names of labels, or the
    characters of a text. `fields` names the field of the data that fills each input of the net. `loss` is the word of
    the recipe's first loss, empty without a recipe: it says what the values of the first output are. `whole` is the
    recipe with all its settings; None where a loss of the user's own is a part of it.
    """

    recipe: str
    graph: Graph
    data: str
    arguments: Mapping[str, Setting]
    classes: tuple[str, ...]
    transforms: tuple[Described, ...]
    fields: Mapping[str, str]
    loss: str = ""
    whole: Recipe | None = None

    def write(self, folder: Path) -> None:
        """Write the record to a run folder."""
        content = {
            "version": VERSION,
            "recipe": self.recipe,
            "data": self.data,
            "arguments": dict(self.arguments),
            "classes": list(self.classes),
            "transforms": [[one.word, dict(one.arguments), one.ignored] for one in self.transforms],
            "fields": dict(self.fields),
            "loss": self.loss,
            "whole": None if self.whole is None else as_data(self.whole),
            "net": json.loads(self.graph.model_dump_json()),
        }
        write_whole(folder / RECORD, json.dumps(content) + "\n")


def record_of(session: Session, graph: Graph, data: Data, held_out: Transformed) -> Record:
    """Return what a run knows of its net beside the weights; `graph` is the net without further outputs for losses."""
    recipe = session.recipe
    kind, arguments, loss = recipe.data.word, recipe.data.arguments, recipe.losses[0].part.word
    return Record(recipe.name, graph, kind, arguments, data.classes, held_out.every, session.sources, loss, recipe)


def read_record(folder: Path) -> Record:
    """Return the record of a run folder. Raises `Rejected` if there is none, or if it is damaged."""
    path = folder / RECORD
    if not path.is_file():
        help = "name a folder that `archlang train` or `archlang finetune` wrote"
        raise Rejected("bad-checkpoint", f"{folder} is no folder of a run: it has no {RECORD}", help=help)
    try:
        content = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        if content["version"] != VERSION:
            raise Rejected("bad-checkpoint", f"{path} was written by another version of archlang")
        return Record(
            content["recipe"],
            Graph.model_validate_json(json.dumps(content["net"])),
            content["data"],
            {name: _setting(value) for name, value in content["arguments"].items()},
            tuple(content["classes"]),
            tuple(Described(word, arguments, False, ignored) for word, arguments, ignored in content["transforms"]),
            content["fields"],
            content["loss"],
            of_data(whole) if (whole := content.get("whole")) else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected("bad-checkpoint", f"{path} cannot be read: {str(error).partition(chr(10))[0]}") from None


def _setting(value: Any) -> Setting:
    return tuple(map(_setting, value)) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType]
