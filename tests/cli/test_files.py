"""Files are complete or do not exist, and a name that archlang chose is never overwritten."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from archlang import files
from archlang.files import fresh_path, write_fresh, write_whole


@pytest.mark.parametrize("data, content", [("é\r\n\n", b"\xc3\xa9\r\n\n"), (b"\x00\xff", b"\x00\xff"), ("", b"")])
def test_a_file_holds_what_was_written_and_no_other_file_is_left(
    tmp_path: Path, data: str | bytes, content: bytes
) -> None:
    write_whole(tmp_path / "a.txt", data)
    assert (tmp_path / "a.txt").read_bytes() == content
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    write_whole(str(path), "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_mode_that_any_program_would_give_it(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_whole(tmp_path / "whole", "")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_device_is_written_to_and_stays_a_device() -> None:
    write_whole("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def refuse(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_names_the_path_that_the_caller_gave(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent" / "a.txt")
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(absent, "")
    assert caught.value.filename == absent
    with pytest.raises(IsADirectoryError) as folder:
        write_whole(tmp_path, "")
    assert folder.value.filename == str(tmp_path)


def test_fresh_paths_count_from_2(tmp_path: Path) -> None:
    wanted = tmp_path / "lenet5.pt"
    found = [write_fresh(wanted, str(number)) for number in range(3)]
    assert [path.name for path in found] == ["lenet5.pt", "lenet5-2.pt", "lenet5-3.pt"]
    assert [path.read_text() for path in found] == ["0", "1", "2"]
    assert fresh_path(wanted).name == "lenet5-4.pt"


def test_a_dangling_link_takes_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.pt").symlink_to("nowhere")
    assert fresh_path(tmp_path / "a.pt").name == "a-2.pt"


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice and the write another program may take the name."""
    (tmp_path / "a.pt").write_text("theirs")
    choices = iter([tmp_path / "a.pt", tmp_path / "a-2.pt"])
    monkeypatch.setattr(files, "fresh_path", lambda path: next(choices))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert write_fresh(tmp_path / "a.pt", "ours") == tmp_path / "a-2.pt"
    assert (tmp_path / "a.pt").read_text() == "theirs"
