"""The text of the source: constructor calls and straight-line forwards, laid out as a formatter would."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.ir import is_at
from archlang.lower import folded, recompute
from archlang.lower.classes import Class, Classes, column_of, constant
from archlang.lower.containers import DICT, LIST, Tree, is_list, tree_of
from archlang.lower.forward import WIDTH, attributes, forward, held, reference
from archlang.lower.recompute import recomputes
from archlang.lower.starting import starting
from archlang.lower.written import Written, laid_out
from archlang.ops.base import Module, Stored
from archlang.ops.tables import renamed
from archlang.program import Call, Entry, Region


def source(made: Classes, summary: str) -> str:
    """Return the whole file."""
    classes = [_class(found, made) for found in made.classes]
    custom = {call.torch.source for call in made.program.walk() if isinstance(call.torch, Module)}
    again = recomputes(made.program)
    helpers = [recompute.source(made.program).strip("\n")] if again else []
    is_folded = folded.folds(made.program)
    helpers += [folded.SOURCE.strip("\n")] if is_folded else []
    bodies = helpers + [text.strip("\n") for text in sorted(custom - {""})] + classes
    text = "\n\n\n".join(bodies)
    standard = ["import math"] if "math." in text else []
    standard = sorted(
        [*standard, *(recompute.IMPORTS if again else ()), *(folded.IMPORTS if is_folded else ())]
    )  # fmt: skip
    imports = [*standard, ""] if standard else []
    imports += ["import torch"] if "torch." in text else []
    imports += ["from torch import nn", *(folded.TORCH_IMPORTS if is_folded else ())]
    imports += recompute.torch_imports(made.program) if again else ()
    return "\n".join([f'"""{summary}"""', "", *imports, "", "", text, ""])


def _class(found: Class, made: Classes) -> str:
    body = found.region
    if made.is_sequential(found):
        return _sequential_class(found, made)
    head = [f"class {found.name}(nn.Module):", _init(found), "        super().__init__()"]
    return "\n".join(
        [
            *head,
            *_members(found, made),
            *_starting(found, made),
            *_shared_and_frozen(body, made),
            *in_format(body),
            "",
            *forward(found, made),
        ]
    )


def _starting(found: Class, made: Classes) -> list[str]:
    """Return the lines that initialise weights, in the class of the net."""
    return starting(made.program) if found is made.classes[-1] else []


def _shared_and_frozen(body: Region, made: Classes) -> list[str]:
    """Return the lines that tie weights and freeze modules, in the class of a block."""
    if body.name is not None:
        return []
    lines: list[str] = []
    for path, other in body.ties:
        left, right = (path.rpartition("."), other.rpartition("."))
        source = reference(right[0]) if right[0] else "self"  # a `param` of the block's own
        lines.append(f"        {reference(left[0])}.{left[2]} = {source}.{right[2]}")
    for path in body.block.frozen:
        if any(is_at(call.node.path, path) and not call.is_stateless for call in body.walk()) or not _is_step(
            path, body
        ):
            lines.append(f"        {_frozen(path, body, made)}.requires_grad_(False)")
    return lines


def in_format(body: Region) -> list[str]:
    """Return the line that brings the weights of a marked region into its memory format."""
    return [f"        self.to(memory_format=torch.{body.memory_format})"] if body.memory_format else []


def _is_step(path: str, body: Region) -> bool:
    return any(call.node.path == path for call in body.walk())


def _frozen(path: str, body: Region, made: Classes) -> str:
    """Return a frozen module, or a frozen parameter that some module stores."""
    module, _, name = path.rpartition(".")
    return f"{reference(module)}.{name}" if module and _is_stored(path, body, made) else reference(path)


def _is_stored(path: str, body: Region, made: Classes) -> bool:
    """Return whether a path names a tensor stored by a module, in the block itself or in one that it calls."""
    for call in body.walk():
        if call.node.path == path:
            return isinstance(call.torch, Stored)
        if call.callee is not None and is_at(path, call.node.path):
            return _is_stored(path[len(call.node.path) + 1 :], made.program.regions[call.callee], made)
    return False


def _init(found: Class) -> str:
    params = ["self"]
    for name in found.params:
        params.append(f"{name}={found.defaults[name]!r}" if name in found.defaults else name)
    return "\n".join(laid_out("    ", Written("def __init__", tuple(params)), ":"))


def _sequential_class(found: Class, made: Classes) -> str:
    lines = [f"class {found.name}(nn.Sequential):", _init(found), "        super().__init__("]
    lines += _items(found.region, found, made, 12)
    return "\n".join([*lines, "        )", *_starting(found, made), *in_format(found.region)])


def _members(found: Class, made: Classes) -> list[str]:
    names = attributes(found.region)
    members: dict[str, Entry] = {}
    for entry in held(found.region):
        members.setdefault(names[id(entry)], entry)
    tree = tree_of(members)
    return [line for name, entry in tree.items() for line in _assigned(name, entry, found, made)]


def _assigned(name: str, entry: Entry | Tree[Entry], found: Class, made: Classes) -> list[str]:
    """Return the line that makes a member; one whose key is a number cannot be an attribute."""
    start, end = f"        self.{name} = ", ""
    if not name.isidentifier():
        start, end = f'        self.add_module("{name}", ', ")"
    if isinstance(entry, dict):
        return _container(start, entry, end, found, made)
    if isinstance(entry, Region) and made.of(entry) is None:
        return [f"{start}nn.Sequential(", *_items(entry, found, made, 12), f"        ){end}"]
    if isinstance(entry, Call) and isinstance(entry.torch, Stored):
        return _stored(name, entry.torch, _texts(entry, found, made), found.params)
    call = _constructor(entry, found, made)
    if not name.isidentifier():
        return laid_out("        ", Written("self.add_module", (f'"{name}"', call)), "", _shape(entry, found))
    return laid_out(f"        self.{name} = ", call, "", _shape(entry, found))


def _container(start: str, tree: Tree[Entry], end: str, found: Class, made: Classes) -> list[str]:
    """Return the lines of an `nn.ModuleList` or an `nn.ModuleDict`, one item after the other."""
    pad = " " * (len(start) - len(start.lstrip()) + 4)
    is_numbered = is_list(tree)
    opening, closing = (f"{LIST}([", "])") if is_numbered else (f"{DICT}({{", "})")
    lines = [f"{start}{opening}"]
    for key in sorted(tree, key=int) if is_numbered else tree:
        entry, begin = tree[key], pad if is_numbered else f'{pad}"{key}": '
        if isinstance(entry, dict):
            lines += _container(begin, entry, ",", found, made)
        elif isinstance(entry, Region) and made.of(entry) is None:
            lines += [f"{begin}nn.Sequential(", *_items(entry, found, made, len(pad) + 4), f"{pad}),"]
        else:
            lines += laid_out(begin, _constructor(entry, found, made), ",", _shape(entry, found))
    return [*lines, f"{pad[4:]}{closing}{end}"]


def _stored(name: str, call: Stored, texts: list[str], taken: Sequence[str]) -> list[str]:
    """Return the line that creates a parameter or buffer of the module itself."""
    sizes, values = texts[: len(call.shape)], texts[len(call.shape) :]
    written = f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
    made = renamed(call.template, taken).replace("{shape}", ", ".join(sizes)).replace("{tuple}", written)
    for at, size in enumerate(sizes):
        made = made.replace(f"{{{at}}}", size)
    for (word, _), text in zip(call.values, values, strict=True):
        made = made.replace(f"{{{word}}}", text)
    if call.buffer:
        kept = () if call.persistent else ("persistent=False",)
        return laid_out("        ", Written("self.register_buffer", (f'"{name}"', made, *kept)), "")
    return laid_out(f"        self.{name} = ", Written("nn.Parameter", (made,)), "")


def _items(region: Region, found: Class, made: Classes, indent: int) -> list[str]:
    """Return the items of an `nn.Sequential`, one per line; a loop makes three or more equal ones in a row."""
    rows: list[tuple[list[str], int]] = []
    for entry in region.entries:
        if isinstance(entry, Region) and made.of(entry) is None:
            pad = " " * indent
            lines = [f"{pad}nn.Sequential(", *_items(entry, found, made, indent + 4), f"{pad}),"]
        else:
            lines = laid_out(" " * indent, _constructor(entry, found, made), ",", _shape(entry, found))
        if rows and rows[-1][0] == lines:
            rows[-1] = (lines, rows[-1][1] + 1)
        else:
            rows.append((lines, 1))
    return [line for lines, times in rows for line in _repeated(lines, times, indent)]


def _repeated(lines: list[str], times: int, indent: int) -> list[str]:
    if times < 3 or len(lines) > 1:
        return lines * times
    call, _, comment = lines[0].strip().partition("  # ")
    line = f"{' ' * indent}*({call.rstrip(',')} for _ in range({times})),"
    if len(line) > WIDTH:
        return lines * times
    return [f"{line}  # {comment}" if comment and len(line) + len(comment) + 4 <= WIDTH else line]


def _constructor(entry: Entry, found: Class, made: Classes) -> Written:
    """Return the constructor call of an entry. A number that differs between instances is written as an argument."""
    callee = made.of(entry)
    if callee is not None:
        name = callee.name
    else:
        assert isinstance(entry, Call) and isinstance(entry.torch, Module)
        name = (
            entry.torch.target.removeprefix("torch.")
            if entry.torch.target.startswith("torch.nn.")
            else entry.torch.target
        )
    arguments: list[str] = []
    for slot, text in zip(made.slots(entry), _texts(entry, found, made), strict=True):
        if slot.default is ...:
            arguments.append(text)
        elif _given(entry, slot.name, found, made):
            arguments.append(f"{slot.name}={text}")
    return Written(name, tuple(arguments))


def _texts(entry: Entry, found: Class, made: Classes) -> list[str]:
    """Return how each number of an entry is written: as itself, or as an argument's name if instances differ."""
    texts: list[str] = []
    for slot, column in zip(made.slots(entry), _columns(entry, found, made), strict=True):
        varying = None if constant(column) else column_of(column, slot.role, found)
        texts.append(repr(slot.value) if varying is None else varying)
    return texts


def _columns(entry: Entry, found: Class, made: Classes) -> list[list[object]]:
    """Return for each slot of an entry its values in all instances of the class."""
    rows = [[slot.value for slot in made.slots(twin)] for twin in found.twins(entry)]
    return [list(column) for column in zip(*rows, strict=True)]


def _given(entry: Entry, option: str, found: Class, made: Classes) -> bool:
    """Return whether an option differs from torch's default in any instance of the class."""
    for twin in found.twins(entry):
        for slot in made.slots(twin):
            if slot.name == option and slot.default is not ... and slot.value != slot.default:
                return True
    return False


def _shape(entry: Entry, found: Class) -> str:
    """Return the output shape of an entry, if it is the same in all instances."""
    shapes = {_shape_of(twin) for twin in found.twins(entry)}
    return shapes.pop() if len(shapes) == 1 else ""


def _shape_of(entry: Entry) -> str:
    if isinstance(entry, Call):
        return ", ".join(map(str, entry.output_types))
    return ", ".join(str(entry.block.types[value]) for value in entry.outputs)
