"""Corners of elaboration that had no test, as planted faults showed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from archlang.compiler import check
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import MAX_DEPTH, Meter, Session
from archlang.elaborate.steps.misfits import signature
from archlang.ir import Graph
from archlang.ops.base import Kind, Operator
from archlang.source import Span
from tests.specs import graph_of, net_of, words_at, wrong


def frozen(graph: Graph) -> set[str]:
    return {layer.path for layer in graph.flat() if layer.frozen}


@pytest.mark.parametrize(("flag", "found"), [("true", {"a"}), ("false", {"b"})])
def test_freeze_may_be_in_either_branch_of_an_if(flag: str, found: set[str]) -> None:
    body = "  a: linear 4 -> b: linear 4\n  if first { freeze a } else { freeze b }"
    assert frozen(graph_of(net_of(body, "[4]", parameters=f"first={flag}"))) == found


@pytest.mark.parametrize(("flag", "outputs"), [("true", ["a", "b"]), ("false", ["b"])])
def test_an_output_may_be_in_either_branch_of_an_if(flag: str, outputs: list[str]) -> None:
    text = (
        f"net n(both={flag}) {{\n  input x: [4]\n  a: linear 4 -> b: linear 4\n"
        "  if both { output a, b } else { output b }\n}"
    )
    assert [port.name for port in graph_of(text).root.outputs] == outputs


def test_a_value_that_is_no_initialiser() -> None:
    (found,) = wrong("net n {\n  input x: [4]\n  param p: [4] init=3\n  (x, p) -> mul\n  output\n}")
    assert (found.code, found.message) == ("unknown-initialiser", "the number 3 is not an initialiser")
    assert found.help and found.help.startswith("an initialiser is one of ")


def test_a_message_calls_a_function_a_function() -> None:
    (found,) = wrong("net n {\n  input x: [4]\n  linear max\n  output\n}")
    assert (found.code, found.message) == (
        "wrong-kind", "linear takes a number (`out`) here, not the function max",
    )  # fmt: skip


def test_a_long_chain_of_calls_is_cut_before_its_last() -> None:
    blocks = "".join(f"block b{at} {{ b{at + 1} }}\n" for at in range(12))
    (found,) = wrong(f"{blocks}block b12 {{ linear foo }}\nnet n {{\n  input x: [4]\n  b0\n  output\n}}")
    assert [label.span.line for label in found.labels] == [12, 11, 10, 9, 8, 16]


def test_a_net_derived_of_what_a_file_does_not_declare_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "b.arch").write_text("net good {\n  input x: [4]\n  relu\n  output\n}\n", encoding="utf-8")
    (tmp_path / "a.arch").write_text('use "b.arch": gone\nnet a = gone\n', encoding="utf-8")
    assert [found.message for found in check(str(tmp_path / "a.arch")).diagnostics] == ["`b.arch` declares no `gone`"]


def test_a_block_into_which_nothing_flows_is_named() -> None:
    (found,) = wrong("block unit { relu }\nnet n {\n  unit\n  output\n}")
    assert (found.code, found.message) == ("nothing-flows", "no value flows into unit yet")


def test_a_label_that_is_a_position_already_is_reported_at_its_place() -> None:
    body = '  "1": linear 4\n  (a, b): pair\n  (a, b) -> add'
    text = net_of(body, "[4]", before="block pair { x: linear 2 -> y: linear 2\n output x, y }")
    (found,) = wrong(text)
    assert (found.code, words_at(text, found)) == ("duplicate-label", "(a, b)")
    block = 'block twice { "1": linear 4 -> relu }'
    (found,) = wrong(net_of("  twice", "[4]", before=block))
    assert found.message.startswith("this step is number 1 here, and `1` is the label of another step")


def test_a_bound_is_reported_before_a_type() -> None:
    (found,) = wrong(net_of("  conv 3x3 4 pad=[1, -1]", "4x5x5"))
    assert found.message == "`pad` of conv must be at least 0, not -1"


@pytest.mark.parametrize("word", ["zeros", "reflect", "replicate", "circular"])
def test_each_word_of_an_argument_is_proposed(word: str) -> None:
    (found,) = wrong(net_of(f'  conv 3x3 4 pad=1 padding_mode="{word}x"', "4x5x5"))
    assert (found.code, found.help) == ("wrong-kind", f"did you mean `{word}`?")


def test_a_missing_argument_that_has_a_name_is_written_with_it() -> None:
    (found,) = wrong(net_of("  argmax", "[4]"))
    assert found.message == "argmax needs `axis=`"


def test_items_are_counted_from_either_end() -> None:
    for at, part in ((0, 0), (1, 1), (-1, 1), (-2, 0)):
        split, relu = graph_of(net_of(f"  split 2 -> parts: it\n  parts[{at}] -> relu", "[4]")).flat()
        assert relu.inputs == (split.outputs[part],)
    for at in (2, -3):
        (found,) = wrong(net_of(f"  split 2 -> parts: it\n  parts[{at}] -> relu", "[4]"))
        assert found.code == "index-out-of-range"


def test_the_label_of_an_inlined_block_names_its_value() -> None:
    body = "  kept: inline unit\n  relu\n  (kept, it) -> add"
    graph = graph_of(net_of(body, "4x5x5", before="block unit { conv1: conv 1x1 4 -> act: tanh }"))
    *_, tanh, relu, add = graph.flat()
    assert add.inputs == (tanh.outputs[0], relu.outputs[0])


def test_operators_as_arguments_are_recorded_as_they_are_written() -> None:
    before = "block unit(act) { conv 1x1 4 -> act }"
    graph = graph_of(net_of("  unit dropout(0.5)\n  unit elu(alpha=0.5)\n  unit relu", "4x5x5", before=before))
    assert [block.arguments["act"] for block in graph.blocks[:-1]] == ["dropout(0.5)", "elu(alpha=0.5)", "relu"]


def test_a_net_with_outputs_of_training_is_not_inlined() -> None:
    steps = "  a: linear 4\n  a -> linear 4 -> aux: it\n  output aux when training\n  a -> linear 4\n  output\n"
    text = f"net helped {{\n  input x: [4]\n{steps}}}\nnet n {{\n  input x: [4]\n  inline helped\n  output\n}}"
    assert [found.code for found in wrong(text)] == ["training-outputs"]


def test_bars_at_the_end_of_braces_within_a_branch_are_refused_at_any_depth() -> None:
    inner = "if extra { if extra { tanh\n if extra { | relu | tanh } } }"
    (found,) = wrong(net_of(f"add {{\n| a: relu\n{inner}\n| it\n}}", parameters="extra=true"))
    assert found.code == "branch-without-bar" and found.message.startswith("there is no bar before this `if`")
    graph_of(net_of("add {\n| a: relu\nif extra { let n = 1 }\n| it\n}", parameters="extra=true"))


def test_other_weights_of_a_call_within_the_block_that_is_reused() -> None:
    before = "block inner { c: conv 1x1 4 }\nblock outer { i: inner -> relu }"
    (found,) = wrong(net_of("  conv 1x1 3 -> o: outer -> reuse o", "3x5x5", before=before))
    assert found.message == "`o` cannot be applied again here: `o.i.c.weight` has two shapes, 4x3x1x1 and 4x4x1x1"


def test_a_shape_of_one_axis_is_written_in_brackets() -> None:
    (found,) = wrong(net_of("  bn: batchnorm -> conv 1x1 4 -> reuse bn", "3x5x5"))
    assert found.message == "`bn` cannot be applied again here: `bn.weight` has two shapes, [3] and [4]"


def test_an_inlined_block_uses_each_of_its_inputs() -> None:
    before = "block unit { input x; input y; x -> relu }"
    (found,) = wrong(net_of("  a: relu\n  (image) -> b: relu\n  (a, b) -> inline unit", before=before))
    assert (found.code, found.message) == ("unused-input", "nothing uses the input `y`")


def test_lists_of_lists_have_a_limit() -> None:
    text = net_of(
        "  let row = range(1000)\n  let rows = [{}]\n  linear len(rows)".format(", ".join(["row"] * 100)), "[4]"
    )
    (found,) = wrong(text)
    assert (found.code, found.message) == ("number-too-large", "this gives a number or a list that is too large")


@pytest.mark.parametrize("step", ['"a{1}": linear foo', 'for i in 3 { "a{i}": relu }'])
def test_names_that_a_failed_step_would_have_made_are_not_missed(step: str) -> None:
    assert len(wrong(net_of(f"  {step}\n  a1 -> relu", "[4]"))) == 1


def test_how_deep_calls_may_be_nested() -> None:
    function = "let f(n) = 0 if n == 0 else f(n - 1)"
    block = "block b(n) { relu; if n > 0 { b (n - 1) } }"
    for before, step in ((function, "linear (f(N) + 1)"), (block, "b N")):
        assert wrong(net_of(f"  {step.replace('N', str(MAX_DEPTH - 1))}", "[4]", before)) == []
        (found,) = wrong(net_of(f"  {step.replace('N', str(MAX_DEPTH))}", "[4]", before))
        assert found.code == "calls-too-deep"


@pytest.mark.parametrize(
    ("targets", "values", "message", "counted"),
    [
        ("i, d", "[2, 3]", "the number 2 cannot be taken apart into 2 names", True),
        ("i, (a, b)", "[[1, 2], [3, 4]]", "a loop over a list gives its items without numbers", True),
        ("i, d", "[[1, 2, 3]]", "a list of 3 cannot be taken apart into 2 names", False),
        ("i, (a, b)", "[2, 3]", "the number 2 cannot be taken apart into 2 names", False),
    ],
)
def test_a_loop_that_lacks_the_number_of_its_turn(targets: str, values: str, message: str, counted: bool) -> None:
    (found,) = wrong(net_of(f"  for {targets} in {values} {{ relu }}", "[4]"))
    assert (found.code, found.message) == ("wrong-kind", message)
    assert (found.help is not None) == counted


def test_a_step_that_begins_with_a_number() -> None:
    messages = {
        "w": "this is the number 3, but only values of the net flow",
        "w 4": "`w` is the number 3, but only operators and blocks take arguments",
    }
    for step, message in messages.items():
        (found,) = wrong(net_of(f"  let w = 3\n  {step}", "[4]"))
        assert found.message == message


def test_the_variants_of_a_block_are_numbered_from_the_second_on() -> None:
    graph = graph_of(net_of("  unit 4 -> unit 5 -> unit 6", "[4]", before="block unit(out) { linear out }"))
    assert [block.id for block in graph.blocks] == ["unit", "unit#2", "unit#3", "tried"]


class Bare(Operator):
    """An operator without examples."""

    word: ClassVar[str] = "bare"
    positional: ClassVar[Mapping[str, Kind]] = {"size": "window", "start": "number"}

    size: int = 1
    start: float = 1.0


def test_the_usage_of_an_operator_without_examples() -> None:
    assert signature(Bare) == "it is written like `bare 3x3 64`"


STRIDE = "write `stride=2`, or `/2` after the window"


@pytest.mark.parametrize(
    ("line", "message", "help"),
    [
        ("linear rang(3)", "nothing here is called `rang`", "did you mean `range`?"),
        ("linear zzz", "nothing here is called `zzz`", "the names in reach: `image` and `w`"),
        ("linear filters=4", "linear has no argument named `filters`", "write `4`, or `out=4`"),
        (
            "maxpool 2x2 strides=2",
            "maxpool has no argument named `strides`",
            "write `stride=2`, or `/2` after the window",
        ),
        ("maxpool pool_size=2", "maxpool has no argument named `pool_size`", "write `2x2`, or `kernel=2x2`"),
    ],
)
def test_names_that_are_near_or_in_reach(line: str, message: str, help: str | None) -> None:
    (found,) = wrong(net_of(f"  w: relu\n  {line}", "[4]"))
    assert (found.message, found.help) == (message, help)


def test_of_names_equally_near_a_block_of_the_file_comes_first() -> None:
    (found,) = wrong(net_of("  cel", "[4]", before="block cell { relu }"))
    assert found.help == "did you mean `cell`?"  # not `celu`


def test_an_input_of_other_channels_has_no_open_size_for_help() -> None:
    before = "block unit { input x: 4x5x5; relu }"
    for given, helped in (("3x5x5", False), ("4x6x5", True)):
        (found,) = wrong(net_of("  unit", given, before=before))
        assert found.code == "input-differs" and (found.help is not None) == helped


def test_the_name_of_an_input_is_one_that_a_module_can_have() -> None:
    (found,) = wrong("net n {\n  input __x: [4]\n  relu\n  output\n}")
    (other,) = wrong("net n {\n  input x: [4]\n  __x: relu\n  output\n}")
    assert found.code == other.code


def test_a_dtype_that_is_no_word() -> None:
    (found,) = wrong("net n {\n  input x: [4] dtype=3\n  relu\n  output\n}")
    assert found.message == "this is not a dtype"


def test_labels_after_the_inputs_of_an_inlined_block_are_those_of_its_caller() -> None:
    before = "block unit { input x; a: relu -> tanh }"
    *_, add = graph_of(net_of("  inline unit\n  (a, it) -> add", "[4]", before=before)).flat()
    assert len(set(add.inputs)) == 2


@pytest.mark.parametrize(
    ("step", "shape", "help"),
    [
        ("conv 3/2 8", "3x8x8", "write `3x3/2`"),
        ("conv 3/2 8", "3x8", "write `[3]/2`"),
        ("conv 3/2 8", "2x4x4x4", "write `3x3x3/2`"),
        ("conv width/2 8", "3x8x8", "write `[width, width]/2`"),
        ("conv width/2 8", "3x8", "write `[width]/2`"),
        ("linear 3/2", "3x8x8", "write `(3 / 2)`, or `(3 // 2)` for a whole number"),
        ("dropout width/2", "3x8x8", "write `(width / 2)`, or `(width // 2)` for a whole number"),
        ("(x, x) -> conv 3/2 8", "3x8x8", "write `3x3/2`"),
    ],
)
def test_a_slash_without_a_window_gets_a_suggestion(step: str, shape: str, help: str) -> None:
    (found,) = wrong(f"net n(width=3) {{\n  input x: {shape}\n  {step}\n  output\n}}")
    assert (found.code, found.help) == ("slash-without-window", help)


def test_steps_are_counted_one_by_one_or_several_at_once() -> None:
    """A file may take as many steps as the limit, and one more is too much."""
    meter, place = Meter(limit=1008, steps=1000), Span("spec.arch", 1, 1, 1, 1)
    session = Session({}, meter=meter)
    session.tick(place)
    assert meter.steps == 1001
    session.tick(place, 7)
    assert meter.steps == 1008 and not meter.spent
    with pytest.raises(Mistake, match="more than 1,000 steps"):
        session.tick(place)
