"""Files of weights from strangers: bombs, pipes, odd tensors, wrong checksums. Each is told, and costs no memory."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from tracemalloc import get_traced_memory, start, stop
from typing import Any

import pytest
import torch
from torch import nn

import archlang
from archlang.diagnostics import Rejected

SPEC = "net n {\n  input x: [4]\n  fc: linear 3\n  output\n}\n"
MEBIBYTE = 2**20


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def state(**others: Any) -> dict[str, Any]:
    return {"fc.weight": torch.ones(3, 4), "fc.bias": torch.zeros(3)} | others


def load(name: str = "w.pt") -> nn.Module:
    return archlang.loads(SPEC).module(weights=name)


def refused(message: str, name: str = "w.pt") -> None:
    with pytest.raises(Rejected, match=message) as told:
        load(name)
    assert told.value.code == "bad-weights-file"


def rewritten(name: str = "w.pt", **options: Any) -> None:
    """Write the archive again by Python's zipfile, with other options."""
    with zipfile.ZipFile(name) as archive:
        records = {record.filename: archive.read(record) for record in archive.infolist()}
    with zipfile.ZipFile(name, "w", **options) as archive:
        for record, data in records.items():
            archive.writestr(record, data)


def test_plain_files_are_loaded() -> None:
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        torch.save(state(), "w.pt", **options)
        assert torch.equal(dict(load().named_parameters())["fc.weight"], torch.ones(3, 4))
    torch.save(state(), "w.pt")
    rewritten()
    assert len(load().state_dict()) == 2


def test_a_compressed_archive_is_refused_before_it_is_unpacked() -> None:
    torch.save(state(**{"fc.weight": torch.zeros(64 * MEBIBYTE // 4)}), "w.pt")
    rewritten(compression=zipfile.ZIP_DEFLATED)
    assert Path("w.pt").stat().st_size < MEBIBYTE
    start()
    try:
        refused("is a compressed archive")
        assert get_traced_memory()[1] < 8 * MEBIBYTE
    finally:
        stop()


def test_records_that_share_their_bytes_are_refused() -> None:
    """As in a zip bomb whose records overlap: each is stored, and together they are larger than the file."""
    torch.save(state(**{"fc.weight": torch.zeros(10_000)}), "w.pt")
    with zipfile.ZipFile("w.pt", "a") as archive:
        large = max(archive.infolist(), key=lambda record: record.file_size)
        for number in range(50):
            again = zipfile.ZipInfo(f"w/data/{number + 10}")
            again.header_offset, again.file_size = large.header_offset, large.file_size
            again.compress_size, again.CRC = large.compress_size, large.CRC
            archive.filelist.append(again)
        archive._didModify = True  # type: ignore[attr-defined]
    refused("is a compressed archive")


def test_a_wrong_checksum_is_told() -> None:
    torch.save(state(), "w.pt")
    data = Path("w.pt").read_bytes()
    at = data.index(torch.ones(3, 4).numpy().tobytes())
    Path("w.pt").write_bytes(data[:at] + b"\x01" + data[at + 1 :])
    refused("the checksum of `w/data/0` in it is wrong")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_pipe_or_a_device_is_refused(name: str) -> None:
    os.mkfifo(name)
    refused("is no ordinary file", name)
    Path(name).unlink()
    Path(name).symlink_to("/dev/zero")
    refused("is no ordinary file", name)


@pytest.mark.filterwarnings("ignore")  # torch's, about nested and sparse tensors that are not stable yet
@pytest.mark.parametrize("kind", ["meta", "sparse", "compressed", "nested", "quantized"])
def test_odd_tensors_are_refused(kind: str) -> None:
    ones = torch.ones(3, 4)
    made: dict[str, Callable[[], torch.Tensor]] = {
        "meta": lambda: torch.empty(3, 4, device="meta"),
        "sparse": ones.to_sparse,
        "compressed": ones.to_sparse_csr,
        "nested": lambda: torch.nested.nested_tensor([torch.ones(4), torch.ones(2)]),
        "quantized": lambda: torch.quantize_per_tensor(ones, 0.1, 0, torch.qint8),
    }
    torch.save(state(**{"fc.weight": made[kind]()}), "w.pt")
    with pytest.raises(Rejected) as told:
        load()
    assert told.value.code == "bad-weights-file"
    assert "fc.weight" in told.value.message or "cannot be read" in told.value.message


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_values_that_are_not_finite_are_told(name: str) -> None:
    from safetensors.torch import save_file

    given = state(**{"fc.weight": torch.full((3, 4), float("nan"))})
    save_file(given, name) if name.endswith("s") else torch.save(given, name)
    with pytest.warns(UserWarning, match=r"has values that are not finite \(NaN or infinite\), in `fc.weight`"):
        load(name)
