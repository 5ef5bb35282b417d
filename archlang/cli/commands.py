"""The commands and the module of each, in the order in which `archlang --help` lists them."""

from __future__ import annotations

from importlib import import_module

from archlang.cli.command import Command

COMMANDS = {
    "check": "check",
    "report": "report",
    "open": "page",
    "watch": "watch",
    "why": "why",
    "memory": "memory",
    "fit": "fit",
    "sizes": "sizes",
    "render": "making",
    "build": "making",
    "export": "exporting",
    "verify": "verify",
    "zoo": "zoo",
    "compare": "compare",
    "diff": "diff",
    "plot": "plot",
    "train": "training",
    "finetune": "finetuning",
    "evaluate": "evaluation",
    "predict": "prediction",
    "demo": "training",
    "fmt": "fmt",
    "ops": "ops",
    "explain": "explain",
}


def command(name: str) -> Command:
    """Look up a command by name. Only its own module is imported, which keeps start-up fast."""
    found: Command = getattr(import_module(f"archlang.cli.{COMMANDS[name]}"), name.upper())
    return found
