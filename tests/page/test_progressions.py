"""Lists written short, read back by the notation's definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archlang.page.progressions import Written, numbers, texts


def every_number(written: Written, count: int) -> list[object]:
    if not isinstance(written, list):
        return [written] * count
    found: list[object] = []
    for first, step, times in written:
        assert isinstance(times, int) and isinstance(step, int)
        for turn in range(times):
            found.append(first + step * turn if isinstance(first, int) else None)
    return found


def every_text(written: Written, count: int) -> list[str]:
    if not isinstance(written, list):
        return [str(written)] * count
    found: list[str] = []
    for template, times, firsts, steps in written:
        assert isinstance(template, str) and isinstance(times, int)
        assert isinstance(firsts, list) and isinstance(steps, list)
        parts = template.split("\x00")
        for turn in range(times):
            filled = [str(first + step * turn) for first, step in zip(firsts, steps, strict=True)]
            found.append("".join(a + b for a, b in zip(parts, [*filled, ""], strict=True)))
    return found


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5), st.integers()), min_size=1))
def test_numbers_are_read_back(values: list[int | None]) -> None:
    assert every_number(numbers(values), len(values)) == values


@given(st.lists(st.text("a.07 12", max_size=6), min_size=1))
def test_texts_are_read_back(values: list[str]) -> None:
    assert every_text(texts(values), len(values)) == values


def test_equal_values_are_one_value() -> None:
    assert numbers([3, 3, 3]) == 3
    assert texts(["a1", "a1"]) == "a1"


def test_equal_steps_are_one_run() -> None:
    assert numbers([4, 7, 10, 13]) == [[4, 3, 4]]
    paths = [f"layer1.{at}.conv{2 * at}" for at in range(50)]
    assert texts(paths) == [["layer\x00.\x00.conv\x00", 50, [1, 0, 0], [0, 1, 2]]]


def test_the_unknown_is_not_zero() -> None:
    assert numbers([0, None, None, 0]) == [[0, 0, 1], [None, 0, 2], [0, 0, 1]]
