"""`archlang why` on deep nets: the time of an answer grows with the layers, not with their square."""

from __future__ import annotations

from archlang.why.places import Places, places
from tests.clock import of_call, ratio
from tests.specs import graph_of, net_of


def joins(count: int) -> Places:
    """Return a net with this number of labelled sums."""
    steps = (f"  (l{at}, it) -> s{at}: add -> l{at + 1}: relu" for at in range(count))
    found = places(graph_of(net_of("\n".join(["  l0: relu", *steps]), "[4]")))
    assert len(found.at("")) == 2 * count + 1
    return found


def test_a_label_is_found_in_time_linear_in_the_layers() -> None:
    few, many = joins(250), joins(1000)
    (place,) = many.at("s999")
    assert place.layer.op.word == "add" and many.at("s1000") == []
    assert ratio(of_call(lambda: many.at("s999")), of_call(lambda: few.at("s249")), 15) < 9
