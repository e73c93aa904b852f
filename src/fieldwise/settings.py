"""Settings: flags, then FIELDWISE_* variables, then ./fieldwise.toml, then the user's config, then defaults.

Which backends are used depends on settings alone, never on keys that lie in the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from platformdirs import PlatformDirs
from pydantic import AfterValidator, Field, ValidationError

from fieldwise.errors import InputError
from fieldwise.model.base import Frozen

ENV_PREFIX = "FIELDWISE_"
PROJECT_FILE = "fieldwise.toml"


@cache
def _dirs() -> PlatformDirs:
    return PlatformDirs("fieldwise", appauthor=False)


def user_config_path() -> Path:
    return Path(_dirs().user_config_dir) / "config.toml"


def default_cache_dir() -> Path:
    return Path(_dirs().user_cache_dir)


def default_store_url() -> str:
    return f"sqlite:///{Path(_dirs().user_data_dir) / 'fieldwise.db'}"


def store_url(store: str) -> str:
    """Return a store's URL; a file's path is as good as its URL."""
    return store if "://" in store or not store else f"sqlite:///{Path(store).expanduser().absolute()}"


class Settings(Frozen):
    """Every setting, with its default. Sizes are in the unit that the name ends with."""

    store: Annotated[str, AfterValidator(store_url)] = Field(
        default_factory=default_store_url,
        description="where runs, documents and agents are kept: a file's path, or sqlite:///path",
    )
    cache_dir: Path = Field(default_factory=default_cache_dir, description="assembled and converted model weights")
    parser: str = Field(default="local", description="local, or a name registered by a plugin")
    model: str = Field(default="embedded", description="embedded, embedded:/path/to/model.gguf, or a plugin's name")
    extractor: str = Field(default="fieldwise", description="fieldwise, or a name registered by a plugin")
    base_url: str | None = Field(default=None, description="the endpoint of an OpenAI-compatible model")

    proposal_attempts: int = Field(default=3, ge=1, le=10, description="how often a model may try to write a schema")
    extract_attempts: int = Field(default=2, ge=1, le=10, description="how often one part is asked for again")
    document_tokens: int = Field(
        default=12_000, ge=256, description="longest document text shown to the model in one call; longer is selected"
    )
    max_output_tokens: int = Field(default=2_048, ge=64, description="longest answer of one call")
    max_prompt_characters: int = Field(default=20_000, ge=1, description="longest prompt or feedback of a person")

    max_file_mb: int = Field(default=200, ge=1, description="largest file that is read")
    max_pages: int = Field(default=2_000, ge=1, description="most pages of a document")
    parse_timeout_seconds: float = Field(default=120.0, gt=0, description="longest time for reading one file")
    parse_memory_mb: int = Field(default=4_096, ge=256, description="most address space of the reading process")
    parse_output_mb: int = Field(default=512, ge=1, description="most text and layout that is taken from one file")
    ocr: Literal["auto", "on", "off", "force"] = Field(
        default="auto",
        description="which pages are read by OCR: those that need it, where the extra is installed (auto), or else "
        "fail (on); none (off); all (force)",
    )
    ocr_dpi: int = Field(default=200, ge=72, le=600, description="how finely pages are drawn before OCR reads them")
    parse_processes: int = Field(
        default=0, ge=0, description="files that are read at once; 0: one per core, at most four"
    )

    embedded_runtime: str = Field(default="auto", description="auto, openvino or xllamacpp")
    model_stall_seconds: float = Field(
        default=120.0, gt=0, description="the model is given up after so long without progress"
    )
    model_idle_seconds: float = Field(
        default=600.0, gt=0, description="the embedded model is unloaded after so long unused"
    )
    model_threads: int = Field(default=0, ge=0, description="threads of the embedded model; 0: one per core")

    lease_seconds: float = Field(
        default=30.0, gt=0, description="a worker that does not report for so long is taken as dead"
    )
    store_busy_seconds: float = Field(default=10.0, gt=0, description="how long to wait for a locked store")


class Setting(NamedTuple):
    """One resolved setting and where its value came from (`default`, `environment FIELDWISE_MODEL`, a file, `flag`)."""

    name: str
    value: Any
    source: str


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    project_dir: Path | None = None,
    user_config: Path | None = None,
) -> Settings:
    """Resolve the settings. Raises InputError that names the faulty setting and where it stands."""
    return explain_settings(overrides, environ=environ, project_dir=project_dir, user_config=user_config)[0]


def explain_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    project_dir: Path | None = None,
    user_config: Path | None = None,
) -> tuple[Settings, tuple[Setting, ...]]:
    """As `load_settings`, with the source of each value."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    files = (user_config or user_config_path(), (project_dir or Path.cwd()) / PROJECT_FILE)
    for path in files:
        for key, value in _read_file(path).items():
            _check_name(key, str(path))
            values[key], sources[key] = value, str(path)
    for name in Settings.model_fields:
        variable = ENV_PREFIX + name.upper()
        if environ.get(variable):
            values[name], sources[name] = environ[variable], f"environment {variable}"
    for key, value in (overrides or {}).items():
        if value is not None:
            _check_name(key, "the call")
            values[key], sources[key] = value, "flag"
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise InputError(
            f"The setting {name} = {first['input']!r} (from {sources.get(name, 'the call')}) is wrong: {first['msg']}.",
            next_step="Mend it there; `fieldwise config show` lists every setting with its source.",
            setting=name,
        ) from None
    explained = tuple(
        Setting(name, getattr(settings, name), sources.get(name, "default")) for name in Settings.model_fields
    )
    return settings, explained


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The settings file {path} could not be read: {error}.", path=str(path)) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"The settings file {path} is not TOML: {error}.", next_step="Mend or remove it.", path=str(path)
        ) from None


def _check_name(name: str, source: str) -> None:
    if name not in Settings.model_fields:
        known = ", ".join(Settings.model_fields)
        raise InputError(f"{source} has an unknown setting {name!r}.", next_step=f"Known are: {known}.", setting=name)
