"""The valid sizes of a net, as `Net.sizes` returns them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archlang.diagnostics import as_json
from archlang.sizes import OpenSize, Tried, described


class Sizes(Mapping[str, OpenSize]):
    """Each open size of a net by its name, with the values that were tried.

    `net.sizes()["H"].right` lists the valid values, and `.tried` holds each value with what is wrong with it, or with
    its counts if they were asked for.
    """

    def __init__(self, found: list[OpenSize]) -> None:
        self._found = {one.name: one for one in found}

    def __getitem__(self, name: str) -> OpenSize:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        """Return one line: thousands of values may have been tried."""
        return f"<Sizes: {'; '.join(f'{name} {described(one)}' for name, one in self.items()) or 'none is open'}>"

    def to_json(self) -> dict[str, object]:
        """Return the valid sizes as plain JSON values: what `archlang sizes --format json` prints."""
        return {"version": 1, "sizes": [_json(one) for one in self.values()]}


def _json(size: OpenSize) -> dict[str, object]:
    wrong = size.telling
    return {
        "name": size.name,
        "places": [{"input": port, "axis": axis} for port, axis in size.places],
        "default": size.default,
        "tried": [size.tried[0].size, size.tried[-1].size],
        "right": size.right,
        "wrong": wrong and wrong.wrong and {"size": wrong.size, **as_json(wrong.wrong)},
        "costs": [costs(one) for one in size.tried if one.counts is not None],
    }


def costs(tried: Tried) -> dict[str, int]:
    """Return a size and its counts. They must have been asked for."""
    counts = tried.counts
    assert counts is not None
    return {
        "size": tried.size, "params": counts.params, "macs": counts.macs, "output_values": counts.output_values,
        "output_bytes": counts.output_bytes,
    }  # fmt: skip
