"""The model as OpenVINO wants it, converted from the GGUF once and kept: loading it takes 3 seconds instead of 15.

Named by the GGUF's sha256 and the converter's version; whole, or not there. A conversion that was cut off, or a file
that was cut or lost since, is made again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .files import locked, make_folder, require_space, write_atomically

MANIFEST = "complete.json"
_NEEDED = ("openvino_model.xml", "openvino_model.bin", "openvino_tokenizer.xml", "openvino_detokenizer.xml")


def converted_folder(cache_dir: Path, gguf_sha256: str, version: str) -> Path:
    return cache_dir / "openvino" / f"{gguf_sha256[:32]}-{version}"


def ensure_converted(
    gguf: Path, folder: Path, convert: Callable[[Path], None], on_wait: Callable[[], None] = lambda: None
) -> Path:
    """Return `folder` with the converted model in it; make it where it is not whole.

    `convert(path)` writes the converted model beside the GGUF at `path`, which is a link in a folder of its own.
    `on_wait` is called while another process converts. Raises what `convert` raises, ModelUnavailable for a full disk.
    """
    with locked(folder.with_name(f".{folder.name}.lock"), on_wait):
        if is_whole(folder):
            return folder
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder(temporary)
        try:
            require_space(temporary, gguf.stat().st_size * 5 // 4)
            link = temporary / gguf.name
            link.symlink_to(gguf.resolve())
            convert(link)
            link.unlink()
            _write_manifest(temporary)
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _remove_leftovers(folder)
    return folder


def is_whole(folder: Path) -> bool:
    """Say whether each file has the size and time that it had when the conversion was finished."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return set(_NEEDED) <= set(files) and all(_stamp(folder / name) == stamp for name, stamp in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _write_manifest(folder: Path) -> None:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise RuntimeError(f"the conversion wrote no {', '.join(missing)}")
    for path in folder.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    files = {path.name: _stamp(path) for path in sorted(folder.iterdir())}
    write_atomically(folder / MANIFEST, json.dumps({"files": files}))


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed conversions of this model left: we hold its lock, so nobody works there."""
    with contextlib.suppress(OSError):
        for path in folder.parent.glob(f".{folder.name}.[0-9]*"):
            shutil.rmtree(path, ignore_errors=True)
