"""The Program of a net: its regions, lifetimes and marks, as text and as what later passes build on."""

from __future__ import annotations

import pytest

from archlang.ir import Graph, values_of
from archlang.lower import torch_source
from archlang.program import Call, Program, Region, program_of, scope_tree, text_of
from archlang.program.passes import recomputing
from tests.lower.test_emitted import written
from tests.specs import graph_of

SPEC = """
block unit(width) { conv1: conv 3x3 width pad=1 -> relu }
block pair(width) { unit width -> unit width }
net tried {
  input image: 3x8x8
  stem: conv 1x1 4
  stem_again: conv 1x1 4
  body: {
    pair 4
    deep: { pair 4 -> reuse stem_again }
  }
  (stem, it) -> add
  aux: conv 1x1 2
  output aux when training
  (body) -> conv 1x1 2
  freeze stem
  output
}
"""

TEXT = """\
block unit(%0 input: 4x8x8) -> %2 output
  %1 = conv "conv1" (%0)  ; last use of %0
  %2 = relu "1" (%1)  ; last use of %1

block pair(%0 input: 4x8x8) -> %2 output
  %1 = unit "0" (%0)  ; last use of %0
  %2 = unit "1" (%1)  ; last use of %1

net tried(%0 image: 3x8x8) -> %7 aux when training, %8 output
  %1 = conv "stem" (%0)  ; keeps %1, last use of %0
  %2 = conv "stem_again" (%1)
  %5 = { } "body" (%2)  ; keeps %5, last use of %2, lent stem_again
    %3 = pair "0" (%2)  ; last use of %2
    %5 = { } "deep" (%3)  ; last use of %3, lent stem_again
      %4 = pair "0" (%3)  ; last use of %3
      %5 = conv (%4)  ; last use of %4, applies stem_again again
  %6 = add (%1, %5)  ; last use of %1, training only
  %7 = conv "aux" (%6)  ; keeps %7, last use of %6, training only
  %8 = conv "4" (%5)  ; last use of %5
  freeze stem
"""


@pytest.fixture
def graph() -> Graph:
    return graph_of(SPEC)


def test_a_program_is_text(graph: Graph) -> None:
    assert text_of(program_of(graph)) == TEXT


def test_scopes_number_layers_and_values_as_the_graph_does(graph: Graph) -> None:
    """Against the Graph's own walk, for every net of the tests and the docs."""
    for name, one in [("tried", graph), *written(at_default=True)]:
        layers = list(one.flat())
        tree = scope_tree(program_of(one))
        assert (tree.start, tree.end) == (0, len(layers)), name
        waiting = [tree]
        while waiting:
            scope = waiting.pop()
            places = [
                at for part in scope.parts for at in ([part] if isinstance(part, int) else range(part.start, part.end))
            ]
            assert places == list(range(scope.start, scope.end)), name
            for part in scope.parts:
                if isinstance(part, int):
                    layer = layers[part]
                    assert tuple(scope.values[value] for value in layer.node.outputs) == layer.outputs, name
                    assert layer.node.module or layer.path.startswith(scope.path), name
                else:
                    waiting.append(part)


def test_every_value_is_made_before_it_is_read_and_kept_until_its_last_use() -> None:
    """A value that is not kept is only read by the entry after its own, in every region of every net."""
    for name, graph in written(at_default=True):
        waiting = list(program_of(graph).regions.values())
        while waiting:
            region = waiting.pop()
            made = dict.fromkeys(region.inputs, -1)
            for at, entry in enumerate(region.entries):
                assert all(value in made for value in entry.reads), name
                made.update(dict.fromkeys(entry.outputs, at))
                waiting += [entry] if isinstance(entry, Region) else []
            reads: dict[int, set[int]] = {value: set() for value in made}
            for at, entry in enumerate(region.entries):
                for value in entry.reads:
                    reads[value].add(at)
            for value in (*region.outputs, *values_of(region.guards)):
                reads[value].add(len(region.entries))
            for value, at in made.items():
                assert region.last_uses.get(value, -1) == max(reads[value], default=-1), name
                assert value in region.kept or reads[value] <= {at + 1}, name


# ---- recomputed calls


def marked(program: Program) -> list[str]:
    return [line.strip() for line in text_of(program).splitlines() if line.endswith("recomputed")]


def test_a_recomputed_call_gets_a_region_of_its_own_where_others_call_the_same_block(graph: Graph) -> None:
    program = recomputing(program_of(graph), ["body.deep.0.1"])
    assert list(program.regions) == ["unit", "pair", "pair!1", "tried"]
    assert marked(program) == ['%2 = unit "1" (%1)  ; last use of %1, recomputed']
    called = {call.node.path: call.callee for call in program.root.walk() if call.callee}
    assert called == {"body.0": "pair", "body.deep.0": "pair!1"}


def test_regions_that_no_call_needs_are_removed(graph: Graph) -> None:
    program = recomputing(program_of(graph), ["body.0.0", "body.deep.0.0", "body.0"])
    assert list(program.regions) == ["unit", "pair!1", "tried"]  # both pairs have the same marks within
    assert marked(program) == [
        '%1 = unit "0" (%0)  ; last use of %0, recomputed',
        '%3 = pair!1 "0" (%2)  ; last use of %2, recomputed',
    ]


def test_a_program_without_marks_is_the_same(graph: Graph) -> None:
    program = program_of(graph)
    assert recomputing(program, []) is program
    assert torch_source(program) == torch_source(graph)


@pytest.mark.parametrize("path", ["body.deep", "stem", "body.0.2", "nothing", ""])
def test_only_calls_of_blocks_are_recomputed(path: str, graph: Graph) -> None:
    with pytest.raises(ValueError, match=f"tried calls no block at {path}"):
        recomputing(program_of(graph), [path])


def test_calls_repeat_if_each_takes_the_result_of_the_one_before() -> None:
    graph = graph_of("block b { relu }\nnet n {\n input a: [2]\n s: { repeat 3 { b } -> tanh -> b -> b }\n output\n}")
    braces = program_of(graph).root.entries[0]
    assert isinstance(braces, Region)
    assert [len(run) for run in braces.runs()] == [3, 1, 2]
    again = recomputing(program_of(graph), ["s.1"]).root.entries[0]
    assert isinstance(again, Region)
    assert [len(run) for run in again.runs()] == [1, 1, 1, 1, 2]
    assert all(isinstance(call, Call) for call in again.walk())


def test_braces_borrow_only_modules_from_outside() -> None:
    graph = graph_of(
        "net n {\n input a: [2]\n out: linear 2\n s: { first: linear 2 -> reuse first -> reuse out }\n output\n}"
    )
    (braces,) = (entry for entry in program_of(graph).root.entries if isinstance(entry, Region))
    assert braces.borrowed == ("out",)
