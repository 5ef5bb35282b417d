"""archlang: from a short description of a network to a checked table, a picture and a PyTorch module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlang.compiler import CallError, Net, SpecError, load, loads
    from archlang.loading import load_recipe
    from archlang.tapping import tap

__all__ = ["CallError", "Net", "SpecError", "load", "load_recipe", "loads", "tap"]


def __getattr__(name: str) -> Any:
    # the pipeline is imported only when it is used: a subcommand's help needs none of it
    if name == "load_recipe":
        from archlang.loading import load_recipe

        return load_recipe
    if name == "tap":
        from archlang.tapping import tap

        return tap
    if name in __all__:
        from archlang import compiler

        return getattr(compiler, name)
    raise AttributeError(f"module 'archlang' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
