"""Mistakes in recipes get one located message each, before torch is imported."""

from __future__ import annotations

import subprocess
import sys

from archlang.diagnostics import render
from tests.train.recipes import NET, lines_of, recipe_of, told


def test_every_argument_of_every_word_answers_three_kinds_of_mistakes() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tests.train.mistakes_in_recipes"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    count = int(made.stdout.split()[-5].replace(",", ""))
    assert count > 900


def messages(**changed: str) -> list[str]:
    """Return the messages about a recipe with some of its lines replaced, each with its help."""
    _, wrong = told(lines_of(**changed))
    return [one.message + (f" | {one.help}" if one.help else "") for one in wrong]


def test_messages_name_the_cure() -> None:
    assert messages(optimizer="optimizer SGD lr=0.1") == ["there is no optimizer `SGD` | did you mean `sgd`?"]
    assert messages(optimizer="optimizer sgd learning_rate=0.1") == [
        "`sgd` has no argument `learning_rate` | did you mean `lr`?"
    ]
    assert messages(optimizer="optimizer sgd lr=0") == ["`lr` of `sgd` is a number above 0, not the number 0"]
    assert messages(optimizer="optimizer sgd momentum=5") == [
        "`momentum` of `sgd` is a number at least 0 and below 1, not the number 5"
    ]
    assert messages(loss="loss CrossEntropyLoss") == [
        "there is no loss `CrossEntropyLoss` | did you mean `crossentropy`?"
    ]
    assert messages(loss="loss hinge") == ["there is no loss `hinge` | did you mean `multimargin`?"]
    assert messages(extra="scheduler cosineannealing") == [
        "a recipe has no setting `scheduler` | did you mean `schedule`?"
    ]
    (random,) = messages(view="view randomcrop 8 padding=1")
    assert random.startswith("`randomcrop` is random, and `view` is for samples that must not change | write `augment")
    assert messages(extra="freeze con1") == ["`con1` names no trainable parameter of tiny | did you mean `conv1`?"]
    assert messages(batch="batch 64", more="batch 128") == ["`batch` is set twice"]
    assert messages(extra="steps 100") == ["`steps` and `epochs` both say how long the run is"]
    assert messages(optimizer="") == ["`run` says no `optimizer` | write `optimizer adamw lr=1e-3`"]


def test_a_loss_must_fit_its_values() -> None:
    assert messages(loss="loss mse") == ["`mse`: `label` (one number int64) must be floats"]
    (shapes,) = messages(loss="loss crossentropy features")
    assert shapes.startswith("`crossentropy`: `features` (4x4x4 float32) and `label` (one number int64) do not fit:")
    eleven = lines_of().replace("linear 10", "linear 11")
    _, wrong = told(eleven)
    assert [one.message for one in wrong] == [
        "`crossentropy`: `it` (11 float32) has 11 scores, and `label` has 10 classes"
    ]
    assert messages(loss="loss crossentropy it lable") == [
        "`lable` is no value of tiny and no field of the data | did you mean `label`?"
    ]


def test_a_schedule_must_end_with_the_run() -> None:
    assert messages(extra="schedule multistep milestones=[1, 5] by=epoch") == [
        "`multistep` reaches to epoch 5, and the run ends at epoch 2"
    ]
    assert messages(extra="schedule onecycle max_lr=0.1 -> step step_size=3") == [
        "`onecycle` has no end at which another schedule could begin; only `warmup`, `constant` and `linear` have one"
    ]


def test_parameters_are_in_one_group() -> None:
    assert messages(a="group biases weight_decay=0", b="group bn1 lr=0.01") == [
        "`bn1.bias` is in two groups: `biases` and `bn1`"
    ]


def test_a_message_shows_the_line() -> None:
    text = lines_of(optimizer="optimizer sgd lr=0.1 momentun=0.9")
    from archlang.source import Source

    _, wrong = told(text)
    shown = render(wrong[0], {"spec.arch": Source("spec.arch", text)})
    assert "spec.arch:12:24" in shown
    assert "12 |   optimizer sgd lr=0.1 momentun=0.9" in shown


def test_a_recipe_of_another_recipe_with_a_mistake_is_told_once() -> None:
    text = lines_of(optimizer="optimizer sgd lr=0") + "train more = run { batch 32 }\n"
    _, wrong = told(text, "more")
    assert [one.code for one in wrong] == ["out-of-range"]


def test_circles_and_missing_bases() -> None:
    _, wrong = told("train a = b { batch 3 }\ntrain b = a { batch 4 }\n", "a")
    assert [one.message for one in wrong] == ["`a` is derived from itself"]
    _, wrong = told(NET + "train a = tinny { batch 3 }\n", "a")
    assert [(one.message, one.help) for one in wrong] == [
        ("there is no net or recipe called `tinny`", "did you mean `tiny`?")
    ]


def test_right_recipes_say_nothing() -> None:
    assert recipe_of(lines_of()).recipe.batch == 64
