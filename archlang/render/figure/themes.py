"""The colours of figures, light and dark. Words have a contrast of at least 4.5 on what they stand on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archlang.render.figure.scene import Frame, Path, Scene, Words
from archlang.render.looks import Theme

FONT = "Open Sans, Helvetica, Arial, sans-serif"  # laid out by the first, which is wider than the others

_FAMILIES: Mapping[str, tuple[str, str, str, str]] = {  # fill and line in the light, fill and line in the dark
    "convolution": ("#d8e8f8", "#2f6fb0", "#173a5e", "#6aa9e6"),
    "fully connected": ("#dcf1e3", "#2b8a57", "#16432b", "#5fc48d"),
    "pooling": ("#fce3d6", "#c55a2b", "#5a2a14", "#ee9067"),
    "attention": ("#e5dcf3", "#6a46a8", "#382458", "#ab8be0"),
    "recurrent": ("#f6dcea", "#a83a78", "#52203c", "#e084b8"),
    "embedding": ("#f1ecc9", "#857312", "#453c0c", "#cdb94a"),
    "upsampling": ("#d5f0ee", "#178a80", "#0d423d", "#4fc3b8"),
    "join": ("#fff4cf", "#9a7200", "#4a3a05", "#dcb43c"),
    "norm": ("#eef0f3", "#6b7785", "#2c333b", "#98a4b1"),
    "activation": ("#eef0f3", "#6b7785", "#2c333b", "#98a4b1"),
    "dropout": ("#eef0f3", "#6b7785", "#2c333b", "#98a4b1"),
    "layout": ("#f5f6f8", "#7b8794", "#262c33", "#8a96a3"),
    "other": ("#eef0f3", "#6b7785", "#2c333b", "#98a4b1"),
    "block": ("#ffffff", "#1b2530", "#1a2128", "#d5dde5"),
    "port": ("#2f3c48", "#2f3c48", "#d5dde5", "#d5dde5"),
    "wrong": ("#fdeef0", "#b00020", "#3d1219", "#ff8a9a"),
}
_PAINTS: Mapping[str, tuple[str, str]] = {
    "page": ("#ffffff", "#12171c"), "ink": ("#1b2530", "#e6ebf0"), "faint": ("#4b5763", "#b4bfca"),
    "accent": ("#b3390b", "#ff9a6b"), "inverse": ("#ffffff", "#12171c"), "link": ("#52606d", "#93a1af"),
    "skip": ("#c2410c", "#fb8c4e"), "panel": ("#f7f9fb", "#191f26"), "frame": ("#c3ccd5", "#46525e"),
    "wrong": ("#b00020", "#ff8a9a"),
}  # fmt: skip
_HEAT = (
    "#fffdf8", "#fff6e9", "#fff0da", "#ffe9cb", "#ffe3bc", "#ffdcae", "#ffd69f", "#ffcf90", "#ffc981", "#ffc272",
)  # fmt: skip
_DARK_HEAT = (
    "#1c1916", "#251d15", "#2e2114", "#372413", "#402812", "#4a2c12", "#533011", "#5c3310", "#65370f", "#6e3b0e",
)  # fmt: skip


def colours(dark: bool) -> dict[str, str]:
    """Return the colour of each paint."""
    at = int(dark)
    found = {name: pair[at] for name, pair in _PAINTS.items()}
    for family, pair in _FAMILIES.items():
        found[f"fill {family}"], found[f"line {family}"] = pair[2 * at], pair[2 * at + 1]
    heats = _DARK_HEAT if dark else _HEAT
    found |= {f"heat{level}": colour for level, colour in enumerate(heats)}
    for name in [name for name in found if name.startswith(("fill", "heat"))]:  # the other sides of a box
        line = found[name.replace("fill", "line")] if name.startswith("fill") else found["skip"]
        found[f"side {name}"], found[f"top {name}"] = _mixed(found[name], line, 0.4), _mixed(found[name], line, 0.12)
    return found


def _mixed(one: str, other: str, share: float) -> str:
    """Return a colour with a share of another."""
    parts = [(int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def class_of(paint: str) -> str:
    """Return the name of a colour in a style sheet."""
    return paint.replace(" ", "-")


def style_of(scene: Scene, theme: Theme) -> str:
    """Return the style sheet of a scene: one set of colours, or both, of which the reader's setting chooses."""
    used = set(used_by(scene)) | {"page"}
    if theme != "auto":
        return _rules(used, theme == "dark")
    return f"{_rules(used, False)}@media (prefers-color-scheme: dark) {{\n{_rules(used, True)}}}\n"


def _rules(used: set[str], dark: bool) -> str:
    found = colours(dark)
    lines = [f".page{{fill:{found['page']}}}"]
    for name in sorted(used):
        kind = class_of(name)
        lines.append(f".f-{kind}{{fill:{found[name]}}}.s-{kind}{{stroke:{found[name]}}}")
    return "\n".join(lines) + "\n"


def used_by(scene: Scene) -> Iterator[str]:
    """Yield the paints of a scene."""
    for group in scene.groups:
        for shape in group.shapes:
            match shape:
                case Frame():
                    yield from (shape.fill, shape.line)
                case Words():
                    yield shape.paint or shape.text.tone
                case Path():
                    yield from (shape.line, *filter(None, (shape.fill,)))
