from __future__ import annotations

import contextlib
import os

import pytest

from latprof.errors import RunFormatError, StorageError, UsageError
from latprof.run.disk import as_folder, refusals, replacing, require_regular


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_on_the_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with contextlib.suppress(KeyError), replacing(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_refusals_name_place_reason_and_next_step(tmp_path):
    words = r"cannot write .*: No space left on device; make room"
    with pytest.raises(StorageError, match=words), refusals(tmp_path):
        raise OSError(28, os.strerror(28))


def test_refusals_are_said_once(tmp_path):
    inner = StorageError("inner")
    with pytest.raises(StorageError) as refusal, refusals(tmp_path):
        raise inner
    assert refusal.value is inner


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    assert require_regular(tmp_path / "file") == 5
    for name, limit, reason in (
        ("file", 4, "larger than 4 bytes"),
        ("pipe", None, "not a regular file"),
        ("none", None, "is missing"),
        ("file/below", None, "cannot be read"),
        ("a\0b", None, "cannot be read"),
    ):
        with pytest.raises(RunFormatError, match=reason):
            require_regular(tmp_path / name, limit)


@pytest.mark.parametrize("path", [None, 1, b"x", "a\0b"])
def test_what_is_no_path_is_a_usage_error(path):
    with pytest.raises(UsageError):
        as_folder(path)
