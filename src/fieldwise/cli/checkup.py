"""The checks of `fieldwise doctor`: each looks at one thing and never raises."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple

from fieldwise.errors import FieldwiseError, MissingExtra
from fieldwise.llm.weights import DEFAULT_WEIGHTS, find_parts, is_intact, models_folder
from fieldwise.model import RunStatus
from fieldwise.registry import make

from .console.secrets import without_password
from .session import Session

State = Literal["ok", "note", "wrong"]

# Cloud keys are looked for so that people see that they are found and not used: names only, never values.
KEYS = ("OPENAI_API_KEY", "LLAMA_CLOUD_API_KEY")
EMBEDDED_PACKAGES = ("openvino-genai", "xllamacpp")
# The GGUF and what the first runtime converts it to.
NEEDED_BYTES = 2_500_000_000
_SAMPLE = "# Doctor\n\nInvoice 42, total 19.90.\n"


class Finding(NamedTuple):
    """One check. `fix` is a command or a sentence that can be copied; "" where nothing has to be done."""

    name: str
    state: State
    detail: str
    fix: str = ""


def examine(session: Session) -> Iterator[Finding]:
    """Look at everything in turn. A check that breaks is a finding, not an error."""
    checks: tuple[tuple[str, Callable[[Session], Iterator[Finding]]], ...] = (
        ("python", _python),
        ("settings", _settings),
        ("store", _store),
        ("parser", _parser),
        ("model", _model),
        ("disk", _disk),
        ("keys", _keys),
    )
    for name, check in checks:
        try:
            yield from check(session)
        except FieldwiseError as error:
            yield Finding(name, "wrong", error.message, error.next_step)
        except Exception as error:
            yield Finding(name, "wrong", f"{type(error).__name__}: {error}", "Run again with -vv and report this.")


def _python(session: Session) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("fieldwise", "ok", version("fieldwise"))


def _settings(session: Session) -> Iterator[Finding]:
    changed = [s for s in session.explained_settings if s.source != "default"]
    told = ", ".join(f"{s.name} (from {s.source})" for s in changed) or "all defaults"
    yield Finding("settings", "ok", told)


def _store(session: Session) -> Iterator[Finding]:
    url = without_password(session.settings.store)
    problems = session.client.store_check()
    if problems:
        yield Finding("store", "wrong", f"{url}: {'; '.join(problems[:3])}", "Restore it from a copy, or name another.")
        return
    yield Finding("store", "ok", url)
    waiting = session.client.runs(status=RunStatus.AWAITING_REVIEW)
    if waiting:
        yield Finding("waiting runs", "note", f"{len(waiting)} wait for you", "fieldwise review")
    stopped = [r for r in session.client.runs(limit=1000) if r.interrupted or r.status is RunStatus.FAILED]
    if stopped:
        yield Finding(
            "stopped runs", "note", f"{len(stopped)} were interrupted or failed", f"fieldwise review {stopped[0].id}"
        )


def _parser(session: Session) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory(prefix="fieldwise-doctor-") as folder:
        path = Path(folder) / "doctor.md"
        path.write_text(_SAMPLE, encoding="utf-8")
        document = session.client.parse(path)
    whole = "Invoice 42" in document.markdown and document.word_count >= 5
    if whole:
        yield Finding("parser", "ok", f"{document.parser} reads a sample in its own process")
    else:
        yield Finding(
            "parser", "wrong", f"{document.parser} lost text of a sample", "pip install --force-reinstall fieldwise"
        )


def _model(session: Session) -> Iterator[Finding]:
    chosen = session.settings.model
    # Made, but not asked: nothing is loaded, and nothing is sent anywhere.
    model = make("model", chosen, session.settings)
    yield Finding("model", "ok", f"{model.name} is chosen")
    if chosen.partition(":")[0] == "embedded":
        yield from _embedded(session)


def _embedded(session: Session) -> Iterator[Finding]:
    found = {name: _installed(name) for name in EMBEDDED_PACKAGES}
    there = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    if not (found["openvino-genai"] or found["xllamacpp"]):
        yield Finding("embedded runtime", "wrong", "not installed", 'pip install "fieldwise[embedded]"')
    else:
        yield Finding("embedded runtime", "ok", there)
    if session.settings.model == "embedded":
        yield _weights(session.settings.cache_dir)


def _weights(cache_dir: Path) -> Finding:
    path = models_folder(cache_dir) / DEFAULT_WEIGHTS.file_name
    if path.exists():
        if is_intact(path, cache_dir):
            return Finding("weights", "ok", f"{path}, {path.stat().st_size / 1e9:.1f} GB, sha256 as published")
        return Finding("weights", "wrong", f"{path} is damaged (its sha256 is another)", "fieldwise models pull")
    try:
        find_parts()
    except MissingExtra as error:
        return Finding("weights", "wrong", error.message, error.next_step)
    free = _free(cache_dir)
    if free < NEEDED_BYTES:
        return Finding(
            "weights",
            "wrong",
            f"{cache_dir} has {free / 1e9:.1f} GB free; putting the model together needs {NEEDED_BYTES / 1e9:.1f} GB",
            "export FIELDWISE_CACHE_DIR=/a/folder/on/a/larger/disk",
        )
    return Finding("weights", "note", "installed, not put together yet", "fieldwise models pull")


def _disk(session: Session) -> Iterator[Finding]:
    cache_dir = session.settings.cache_dir
    yield Finding("disk", "ok", f"{_free(cache_dir) / 1e9:.1f} GB free for {cache_dir}")


def _keys(session: Session) -> Iterator[Finding]:
    found = [name for name in KEYS if os.environ.get(name)]
    if found:
        yield Finding("keys", "ok", f"{', '.join(found)} found; used only when a cloud is named in the settings")
    else:
        yield Finding("keys", "ok", "none found, and none needed: nothing leaves this machine")


def _free(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
