"""The table of dtypes in `archlang/shapes.py`, compared with torch and safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors.torch import save_file

from archlang.shapes import DTYPE_BYTES, FLOAT_DTYPES, SHORT_DTYPES, Dtype
from archlang.weights.reading import headers


def test_the_type_and_the_table_name_the_same() -> None:
    assert get_args(Dtype) == tuple(DTYPE_BYTES)


@pytest.mark.parametrize("name", DTYPE_BYTES)
def test_a_dtype_is_what_torch_says(name: str) -> None:
    dtype = getattr(torch, name)
    assert (dtype.itemsize, dtype.is_floating_point) == (DTYPE_BYTES[name], name in FLOAT_DTYPES)


def test_floats_have_short_names() -> None:
    assert SHORT_DTYPES == {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32", "fp64": "float64"}


@pytest.mark.parametrize("name", DTYPE_BYTES)
def test_a_safetensors_file_names_the_dtype_in_the_same_way(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"values": torch.zeros(2, dtype=getattr(torch, name))}, path)
    assert headers(path)["values"].dtype == name
