"""What a recipe says: parameters, recipes that derive from others, groups of settings, settings from outside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archlang.elaborate import elaborate
from archlang.format import formatted
from archlang.parse import parse
from archlang.recipes import evaluated
from archlang.source import Source
from archlang.syntax import Use
from tests.specs import graph_of
from tests.train.recipes import NET, file_of, lines_of, recipe_of, told

GROUP = """
train common(lr=0.1) {
  optimizer sgd lr=lr momentum=0.9
  batch 32
}
"""


def test_parameters_and_lets_are_evaluated() -> None:
    text = (
        NET
        + """
train run(lr=0.2, factor=4) = tiny width=(2*factor) {
  let warm = 3
  data digits
  loss (1/factor) * crossentropy label_smoothing=0.1
  optimizer sgd lr=(lr*2)
  schedule warmup warm -> cosineannealing
  batch (factor*8); epochs 10
}
"""
    )
    found = recipe_of(text)
    recipe = found.recipe
    assert (recipe.batch, recipe.losses[0].scale, recipe.optimizer.arguments["lr"]) == (32, 0.25, 0.4)
    assert recipe.schedule.parts[0].arguments["length"] == 3
    assert found.graph.arguments["width"] == "8"
    assert recipe_of(text, factor="2").recipe.batch == 16


def test_a_recipe_derives_from_another() -> None:
    text = lines_of(augment="augment randomcrop 8 padding=1", view="view normalize", metric="metric accuracy")
    text += "train more(lr=0.5) = run { optimizer adam lr=lr; steps 100; augment randomverticalflip }\n"
    text += "train most = more lr=0.25 { metric error; metric accuracy top=5 }\n"
    more, most = recipe_of(text, "more").recipe, recipe_of(text, "most").recipe
    assert (more.optimizer.word, more.optimizer.arguments["lr"], more.steps, more.epochs) == ("adam", 0.5, 100, None)
    assert most.optimizer.arguments["lr"] == 0.25
    assert [part.word for part in more.metrics] == ["accuracy"]
    assert [(part.word, part.arguments["top"]) for part in most.metrics] == [("error", 1), ("accuracy", 5)]
    # what is replaced stays in its place: stages run in the order of their lines
    stages = [(stage.where, stage.parts[0].word) for stage in more.stages]
    assert stages == [("view", "normalize"), ("augment", "randomverticalflip")]


def test_groups_of_settings_are_shared() -> None:
    text = GROUP + lines_of(optimizer="", batch="", group="common lr=0.3")
    assert recipe_of(text).recipe.optimizer.arguments["lr"] == 0.3
    assert recipe_of(text).recipe.batch == 32
    own = GROUP + lines_of(optimizer="", batch="batch 7", group="common")
    assert (recipe_of(own).recipe.batch, recipe_of(own).recipe.optimizer.arguments["lr"]) == (7, 0.1)
    _, wrong = told(GROUP, "common")
    assert [one.message for one in wrong] == ["`common` is a group of settings: it names no net"]


def test_settings_from_outside_replace_what_is_written() -> None:
    text = lines_of(loss="loss 0.5 * crossentropy")
    changed = recipe_of(text, batch="128", optimizer__lr="0.7", loss__label_smoothing="0.2", steps="50", width="6")
    recipe = changed.recipe
    assert (recipe.batch, recipe.optimizer.arguments["lr"], recipe.steps, recipe.epochs) == (128, 0.7, 50, None)
    assert (recipe.losses[0].scale, recipe.losses[0].part.arguments["label_smoothing"]) == (0.5, 0.2)
    assert changed.graph.arguments["width"] == "6"
    assert recipe_of(text, seed="3").recipe.seed == 3
    _, wrong = told(text, optimizer__lr="0")
    assert [one.code for one in wrong] == ["out-of-range"]


def test_a_recipe_comes_from_another_file() -> None:
    other = file_of(lines_of())
    main = file_of('use "spec.arch": run\ntrain mine = run { batch 8 }\n')
    main = replace(
        main,
        name="main.arch",
        declarations=tuple(
            replace(one, file="spec.arch") if isinstance(one, Use) else one for one in main.declarations
        ),
    )
    found, wrong = evaluated(main, "mine", {}, {"spec.arch": other, "main.arch": main})
    assert found is not None and not wrong
    assert (found.recipe.batch, found.recipe.net) == (8, "tiny")


def test_values_of_a_loss() -> None:
    text = (
        NET.replace("output", "output fc, features")
        + """
train run = tiny {
  data digits
  loss crossentropy
  loss 0.1 * l1 features features
  loss mse image image
  optimizer sgd
  batch 8; steps 3
}
"""
    )
    recipe = recipe_of(text).recipe
    assert [[value.text for value in term.values] for term in recipe.losses] == [
        [], ["features", "features"], ["image", "image"]
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["data", "batch", "loss", "optimizer", "schedule", "view"])
def test_words_of_recipes_are_no_keywords_elsewhere(word: str) -> None:
    text = f"net tried {{\n  input image: 1x8x8\n  {word}: conv 3x3 4\n  output\n}}\n"
    assert word in graph_of(text).root.labels
    graph_of(f"net tried({word}=3) {{\n  input image: 1x8x8\n  conv 3x3 {word}\n  output\n}}\n")


def test_recipes_are_formatted() -> None:
    text = "train   run=tiny{loss 0.3*crossentropy aux\n schedule warmup 5->cosineannealing by=step}\n"
    made, wrong = formatted(Source("spec.arch", text))
    assert not wrong and made is not None
    lines = [
        "train run = tiny {",
        "  loss 0.3 * crossentropy aux",
        "  schedule warmup 5 -> cosineannealing by=step",
        "}",
    ]
    assert made.splitlines() == lines
    assert formatted(Source("spec.arch", made))[0] == made


def test_a_recipe_is_no_step() -> None:
    text = lines_of() + "net wrong {\n  input image: 1x8x8\n  run\n  output\n}\n"
    file, _ = parse(Source("spec.arch", text))
    graph, wrong = elaborate(file, "wrong")
    assert graph is None and len(wrong) == 1
    assert wrong[0].message == "`run` is a recipe, which trains a net; no step", wrong


def test_a_loss_that_torch_does_not_run_under_autocast() -> None:
    text = lines_of(loss="loss bce it it", precision="precision bf16")
    (wrong,) = told(text)[1]
    assert wrong.message == "`bce` does not run with `precision bf16`: its logarithms need float32"
    assert not told(text.replace("bce", "bcewithlogits"))[1]
