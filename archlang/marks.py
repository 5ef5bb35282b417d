"""The mark in files made by archlang. A command may replace a file that carries it."""

from __future__ import annotations

import re
import zlib
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

MARK = "made by archlang"
METADATA = {"made_by": "archlang"}  # of a .safetensors file
RECORDED = {"made_by": MARK}  # the extra files of what torch.export and torch.jit save
PRODUCER = "archlang"  # of an ONNX file

_HEAD = 4096  # the mark is within this many bytes from the start or the end of a file
_SOURCE = re.compile(rb'"""\w+: [^\n]*; [\d,]+ parameters, [\d,]+ multiply-accumulates\.(?:""")?\r?\n')
_DOT = f"// {MARK}\n".encode()
_MERMAID = f"%% {MARK}\n".encode()
_TEX = f"% {MARK}\n".encode()
_SVG = re.compile(rb"(<\?xml[^\n]*\?>\n)")
_COMMENT = f"<!-- {MARK} -->\n".encode()
_PNG_HEAD = 33  # bytes of the signature and of IHDR, which must be the first chunk
_PDF = f"% {MARK}\n".encode()
_HTML = re.compile(rb"(<!doctype html>\n)")
_SAFETENSORS = b'{"__metadata__":{"made_by":"archlang"'
_RECORD = "/made_by"  # in the archive that torch.save writes
_ONNX = re.compile(rb"\x08[\x01-\x7f]\x12" + bytes([len(PRODUCER)]) + PRODUCER.encode())  # version, then producer


def marked(data: bytes, format: str) -> bytes:
    """Return the bytes of a file of that format with the mark, which no viewer shows.

    The formats are svg, png, pdf, dot, mmd, tex, html and pt.
    """
    match format:
        case "dot":
            return _DOT + data
        case "mmd":
            return _MERMAID + data
        case "tex":
            return _TEX + data
        case "svg":
            return _SVG.sub(rb"\g<1>" + _COMMENT, data, count=1)
        case "html":
            return _HTML.sub(rb"\g<1>" + _COMMENT, data, count=1)
        case "png":
            return data[:_PNG_HEAD] + _png_text() + data[_PNG_HEAD:]
        case "pdf":
            return data + _PDF  # readers look for the end of a PDF in its last 1,024 bytes
        case "pt":
            return _with_record(data)
        case _:
            raise ValueError(f"files of the format {format} carry no mark")


def is_made_here(path: Path) -> bool:
    """Return whether archlang made the file: a source, a picture, a plot, a page, weights, or an exported net."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(-min(_HEAD, path.stat().st_size), 2)
        tail = file.read()
    text = _SVG.match(head) or _HTML.match(head)
    return (
        _SOURCE.match(head) is not None
        or head.startswith((_DOT, _MERMAID, _TEX))
        or (text is not None and head.startswith(_COMMENT, text.end()))
        or head.startswith(_png_text(), _PNG_HEAD)
        or (head.startswith(b"%PDF") and tail.endswith(_PDF))
        or head.startswith(_SAFETENSORS, 8)
        or _ONNX.match(head) is not None
        or (head.startswith(b"PK") and _has_record(path))
    )


def _png_text() -> bytes:
    """Return a tEXt chunk: its length, its kind, a keyword and the text, and the checksum of these."""
    text = b"tEXt" + b"Software\0" + MARK.encode()
    return (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")


def _with_record(data: bytes) -> bytes:
    """Return an archive of torch.save with one more record, which torch.load ignores."""
    written = BytesIO(data)
    with ZipFile(written, "a") as archive:
        folder = archive.namelist()[0].partition("/")[0]
        archive.writestr(ZipInfo(folder + _RECORD), MARK)  # without a date, so that equal weights give equal files
    return written.getvalue()


def _has_record(path: Path) -> bool:
    try:
        with ZipFile(path) as archive:
            return any(name.endswith(_RECORD) for name in archive.namelist())
    except BadZipFile:
        return False
