"""Files of weights of many kinds, for a net of one linear layer: each is loaded right, or refused with a message."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

Values = dict[str, Any]
FIRST, SECOND = torch.arange(12.0).reshape(3, 4), torch.tensor([1.0, 2.0, 3.0])


def state(weight: object = FIRST, **others: object) -> Values:
    return {"fc.weight": weight, "fc.bias": SECOND, **others}


class Reduced:
    """What is pickled as a call of a function."""

    def __init__(self, function: Callable[..., object], *given: object) -> None:
        self.told = (function, given)

    def __reduce__(self) -> Any:
        return self.told


def saved(content: object, legacy: bool = False) -> bytes:
    """Return what `torch.save` writes."""
    written = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        torch.save(content, written, _use_new_zipfile_serialization=not legacy)
    return written.getvalue()


def archived(data: bytes, change: Callable[[str, bytes], bytes], again: str = "", **options: Any) -> bytes:
    """Return an archive of torch's with its records changed, and the record whose name ends with `again` twice."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(written, "w", **options) as new,
        warnings.catch_warnings(action="ignore"),
    ):
        for record in old.infolist():
            for _ in range(2 if again and record.filename.endswith(again) else 1):
                new.writestr(record.filename, change(record.filename, old.read(record)))
    return written.getvalue()


def kept(_: str, data: bytes) -> bytes:
    return data


def pickled(data: bytes) -> bytes:
    """Return an archive of torch's with another pickle."""
    return archived(saved(state()), lambda name, old: data if name.endswith("data.pkl") else old)


def called(function: Callable[..., object], *given: object) -> bytes:
    return pickled(pickle.dumps({"fc.weight": Reduced(function, *given)}, 2))


def legacy(data: bytes) -> bytes:
    """Return an older file of torch's with another pickle."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, system)) + data + pickle.dumps([], 2)


def doubled(levels: int = 60) -> bytes:
    """Return the instructions for a tuple of two values that are the same tuple of two values, and so on."""
    return b"K\x01" + b"q\x00h\x00\x86" * levels


def filled_late(levels: int = 60) -> bytes:
    """Return a call of a list of lists that each hold the next one twice; the outermost is filled first."""
    empty = b"".join(b"]q%c" % level for level in range(levels + 1))
    filled = b"".join(b"h%ch%cah%ca" % (level, level + 1, level + 1) for level in range(levels))
    return b"\x80\x02" + empty + filled + b"h\x00)R."


def keys_of_one_hash(count: int) -> bytes:
    """Return the instructions for a dict whose keys are multiples of the number by which Python divides for a hash."""
    keys = ((16 + number) * (2**61 - 1) for number in range(count))
    return b"\x80\x02}(" + b"".join(b"\x8a\x0a" + key.to_bytes(10, "little") + b"N" for key in keys) + b"u."


def larger_sizes(count: int) -> bytes:
    """Return an archive whose tensor of 12 values is said to have more."""
    plain = saved(state(torch.ones(12)))
    size = b"\x8a\x06" + count.to_bytes(6, "little")
    return archived(plain, lambda _, data: data.replace(b"K\x00K\x0c\x85", b"K\x00" + size + b"\x85"))


def tarred() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return written.getvalue()


def numpys(write: Callable[..., None], *given: object, **named: object) -> bytes:
    written = io.BytesIO()
    write(written, *given, **named)
    return written.getvalue()


WEIGHT = {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}
BIAS = {"dtype": "F32", "shape": [3], "data_offsets": [48, 60]}
DATA = FIRST.numpy().tobytes() + SECOND.numpy().tobytes()


def safe(
    weight: Mapping[str, object] = WEIGHT, bias: Mapping[str, object] = BIAS, data: bytes = DATA, **others: object
) -> bytes:
    """Return a .safetensors file with these entries in its header."""
    return header(json.dumps({"fc.weight": weight, "fc.bias": bias, **others}).encode(), data)


def header(text: bytes, data: bytes = DATA, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def said(**changed: object) -> dict[str, object]:
    return {**WEIGHT, **changed}


def touch() -> tuple[Callable[..., object], str]:
    return os.mkdir, "executed"


# what is made, and what is said of it: nothing if it is loaded, `finite` if that is told, else a part of the message
Kind = tuple[Callable[[], bytes], str]
WITHIN = "would take too long to read"
BROKEN, UNFIT, CODE, NONE = "cannot be read", "in the net", "holds more than weights", "holds no weights"
NOT_SAFE = "is not a safetensors file"
ODD = r"is sparse, nested or quantized|cannot be read|holds more than weights"

TORCH: dict[str, Kind] = {
    "plain": (lambda: saved(state()), ""),
    "legacy": (lambda: saved(state(), legacy=True), ""),
    "rewritten by another program": (lambda: archived(saved(state()), kept), ""),
    "transposed": (lambda: saved(state(FIRST.t().contiguous().t())), ""),
    "view of a larger storage": (lambda: saved(state(torch.cat([SECOND, FIRST.flatten()])[3:].view(3, 4))), ""),
    "parameter": (lambda: saved(state(torch.nn.Parameter(FIRST))), ""),
    "float64": (lambda: saved(state(FIRST.double())), ""),
    "float16": (lambda: saved(state(FIRST.half())), ""),
    "bfloat16": (lambda: saved(state(FIRST.bfloat16())), ""),
    "float8": (lambda: saved(state(FIRST.to(torch.float8_e4m3fn))), ""),
    "negated view": (lambda: saved(state(torch._neg_view(-FIRST))), ""),  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
    "within `model`": (lambda: saved({"model": state(), "epoch": 3}), ""),
    "within `state_dict`": (lambda: saved({"state_dict": state(), "optimizer": {"lr": 0.1}}), ""),
    "expanded to the net's shape": (lambda: saved(state(torch.zeros(1, 1).expand(3, 4))), "other values"),
    "infinite": (lambda: saved(state(torch.full((3, 4), float("inf")))), "finite"),
    "negative infinite": (lambda: saved(state(torch.full((3, 4), -float("inf")))), "finite"),
    "NaN": (lambda: saved(state(torch.full((3, 4), float("nan")))), "finite"),
    "NaN in float8": (lambda: saved(state(torch.full((3, 4), float("nan")).to(torch.float8_e4m3fn))), "finite"),
    "expanded to a trillion": (lambda: saved(state(torch.zeros(1, 1).expand(10**6, 10**6))), UNFIT),
    "overlapping, a trillion": (
        lambda: saved(state(torch.as_strided(torch.zeros(2 * 10**6), (10**6, 10**6), (1, 1)))), UNFIT
    ),
    "complex": (lambda: saved(state(FIRST.to(torch.complex64))), UNFIT),
    "whole numbers": (lambda: saved(state(FIRST.long())), UNFIT),
    "unsigned": (lambda: saved(state(FIRST.to(torch.uint16))), UNFIT),
    "truth values": (lambda: saved(state(FIRST > 3)), UNFIT),
    "no values": (lambda: saved(state(torch.ones(0, 4))), UNFIT),
    "a scalar": (lambda: saved(state(torch.tensor(1.0))), UNFIT),
    "another shape": (lambda: saved(state(FIRST.t().contiguous())), UNFIT),
    "meta": (lambda: saved(state(torch.empty(3, 4, device="meta"))), "holds no values, only a shape"),
    "meta, a trillion": (lambda: saved(state(torch.empty(10**6, 10**6, device="meta"))), "holds no values"),
    "sparse": (lambda: saved(state(FIRST.to_sparse())), ODD),
    "sparse by rows": (lambda: saved(state(FIRST.to_sparse_csr())), ODD),
    "sparse, a trillion": (
        lambda: saved(state(torch.sparse_coo_tensor(torch.zeros(2, 1).long(), torch.ones(1), (10**6, 10**6)))), ODD
    ),
    "nested": (lambda: saved(state(torch.nested.nested_tensor([torch.ones(4), torch.ones(2)]))), ODD),
    "quantized": (lambda: saved(state(torch.quantize_per_tensor(FIRST, 0.1, 0, torch.qint8))), ODD),
    "quantized by channel": (
        lambda: saved(state(torch.quantize_per_channel(FIRST, torch.ones(3), torch.zeros(3), 0, torch.qint8))), ODD
    ),
    "a key too many": (lambda: saved(state(more=SECOND)), "more"),
    "a key too few": (lambda: saved({"fc.weight": FIRST}), "missing +fc.bias"),
    "a key that is a number": (lambda: saved({1: SECOND}), NONE),
    "a key that is a tuple": (lambda: saved({("fc", "weight"): FIRST}), NONE),
    "a key of control characters": (lambda: saved(state(**{"\x1b[31m": SECOND})), "unexpected"),
    "a value that is no tensor": (lambda: saved(state(epoch=3)), NONE),
    "lists of numbers": (lambda: saved({"fc.weight": FIRST.tolist()}), NONE),
    "arrays of numpy": (lambda: saved(state(np.ones((3, 4)))), CODE),
    "nested twice": (lambda: saved({"a": {"b": state()}}), NONE),
    "two sets": (lambda: saved({"a": state(), "b": state()}), "holds several sets of weights: a, b"),
    "nothing": (lambda: saved(None), NONE),
    "an empty dict": (lambda: saved({}), "missing"),
    "a tensor alone": (lambda: saved(FIRST), NONE),
    "a list of tensors": (lambda: saved([FIRST, SECOND]), NONE),
    "a whole module": (lambda: saved(torch.nn.Linear(4, 3)), CODE),
    "a call of the system": (lambda: called(*touch()), CODE),
    "a call of eval": (lambda: called(eval, "open('executed', 'w')"), CODE),
    "a call of the system, plain": (lambda: pickle.dumps(Reduced(*touch())), f"{BROKEN}|{CODE}"),
    "a plain pickle": (lambda: pickle.dumps({"fc.weight": [1.0]}), f"{BROKEN}|{NONE}"),
    "bytes, six billion": (lambda: called(bytearray, 6 * 10**9), "would take more memory"),
    "bytes, a trillion": (lambda: called(bytearray, 10**12), "would take more memory"),
    "sizes beyond the storage": (lambda: larger_sizes(10**12), BROKEN),
    "a deep list": (lambda: pickled(b"\x80\x02" + b"]" * 20_000 + b"a" * 19_999 + b"."), WITHIN),
    "tuples that double, as a key": (lambda: pickled(b"\x80\x02}" + doubled() + b"Ns."), WITHIN),
    "tuples that double, as a key, legacy": (lambda: legacy(b"\x80\x02}" + doubled() + b"Ns."), WITHIN),
    "lists that double, as a function": (lambda: pickled(filled_late()), WITHIN),
    "a list that holds itself": (lambda: pickled(b"\x80\x02]q\x00h\x00a."), WITHIN),
    "a deep tuple as a key": (lambda: pickled(b"\x80\x02})" + b"\x85" * 100_000 + b"Ns."), WITHIN),
    "keys of one hash": (lambda: pickled(keys_of_one_hash(20_000)), WITHIN),
    "two sets that share": (lambda: saved({"a": 1, "model": state(), "ema": state(SECOND)}), "several"),
    "a pickle that ends early": (lambda: pickled(b"\x80\x02}"), BROKEN),
    "a pickle without a stack": (lambda: pickled(b"\x80\x02a."), BROKEN),
    "a pickle of protocol 200": (lambda: pickled(b"\x80\xc8N."), f"{BROKEN}|{NONE}"),
    "an empty pickle": (lambda: pickled(b""), BROKEN),
    "compressed": (lambda: archived(saved(state()), kept, compression=zipfile.ZIP_DEFLATED), "compressed archive"),
    "compressed by bzip2": (lambda: archived(saved(state()), kept, compression=zipfile.ZIP_BZIP2), "compressed"),
    "a record twice": (lambda: archived(saved(state()), kept, again="data/0"), "two records of one name"),
    "a pickle twice": (lambda: archived(saved(state()), kept, again="data.pkl"), "two records of one name"),
    "a storage too short": (
        lambda: archived(saved(state()), lambda name, data: data[:-4] if name.endswith("data/0") else data), BROKEN
    ),
    "a storage without values": (
        lambda: archived(saved(state()), lambda name, data: b"" if name.endswith("data/0") else data), BROKEN
    ),
    "an archive of other files": (lambda: numpys(np.savez, **{"fc.weight": np.ones((3, 4))}), BROKEN),
    "an array": (lambda: numpys(np.save, np.ones((3, 4))), BROKEN),
    "tar": (tarred, BROKEN),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), BROKEN),
    "a page": (lambda: b"<html>404 Not Found</html>", BROKEN),
    "a pointer of git": (lambda: b"version https://git-lfs.github.com/spec/v1\nsize 3\n", BROKEN),
    "an empty file": (lambda: b"", BROKEN),
    "zeros": (lambda: bytes(1000), BROKEN),
    "safetensors": (safe, BROKEN),
}  # fmt: skip

SAFE: dict[str, Kind] = {
    "plain": (safe, ""),
    "with notes": (lambda: safe(__metadata__={"format": "pt"}), ""),
    "the same key twice": (lambda: header(b'{"fc.bias": %s, ' % json.dumps(BIAS).encode() + safe()[9:-60]), ""),
    "float64": (
        lambda: safe(
            said(dtype="F64", data_offsets=[0, 96]), {**BIAS, "data_offsets": [96, 108]},
            FIRST.double().numpy().tobytes() + SECOND.numpy().tobytes(),
        ), "",
    ),
    "NaN": (lambda: safe(data=struct.pack("<f", float("nan")) + DATA[4:]), "finite"),
    "whole numbers": (
        lambda: safe(said(dtype="I64", data_offsets=[0, 96]), {**BIAS, "data_offsets": [96, 108]}, bytes(108)), UNFIT
    ),
    "a key too many": (lambda: safe(more={**BIAS, "data_offsets": [60, 72]}, data=DATA + bytes(12)), "more"),
    "another dtype": (lambda: safe(said(dtype="Q4")), NOT_SAFE),
    "negative sizes": (lambda: safe(said(shape=[-3, -4])), NOT_SAFE),
    "sizes beyond a number": (lambda: safe(said(shape=[2**40, 2**40])), NOT_SAFE),
    "sizes beyond the data": (lambda: safe(said(shape=[30, 40])), NOT_SAFE),
    "data that overlap": (lambda: safe(bias={**BIAS, "data_offsets": [36, 48]}), NOT_SAFE),
    "data with a hole": (lambda: safe(bias={**BIAS, "data_offsets": [52, 64]}, data=DATA + bytes(4)), NOT_SAFE),
    "data beyond the file": (lambda: safe(said(data_offsets=[0, 4_800_000])), NOT_SAFE),
    "data turned round": (lambda: safe(said(data_offsets=[48, 0])), NOT_SAFE),
    "data too short": (lambda: safe(data=DATA[:-4]), NOT_SAFE),
    "data too long": (lambda: safe(data=DATA + bytes(4)), NOT_SAFE),
    "a header of an exabyte": (lambda: header(b"{}", length=2**60), NOT_SAFE),
    "a header of half the file": (lambda: header(safe()[8:-60], length=40), NOT_SAFE),
    "a header of no JSON": (lambda: header(b"x" * 20), NOT_SAFE),
    "a header that is a list": (lambda: header(b"[1, 2]"), NOT_SAFE),
    "a header that is deep": (lambda: header(b'{"a":' * 50_000), NOT_SAFE),
    "a header of no text": (lambda: header(b'{"\xff\xfe": 1}'), NOT_SAFE),
    "notes that are numbers": (lambda: safe(__metadata__={"a": 3}), NOT_SAFE),
    "what torch.save wrote": (lambda: saved(state()), NOT_SAFE),
    "an empty file": (lambda: b"", NOT_SAFE),
    "seven bytes": (lambda: bytes(7), NOT_SAFE),
}  # fmt: skip

KINDS: dict[tuple[str, str], Kind] = {
    **{("w.pt", name): kind for name, kind in TORCH.items()},
    **{("w.safetensors", name): kind for name, kind in SAFE.items()},
}
