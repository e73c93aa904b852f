"""Backends by name. Built-ins and plugins enter by the same door: a name, and a function that makes the backend.

A plugin registers an entry point in `fieldwise.parsers`, `fieldwise.models` or `fieldwise.extractors`, or calls
`register`. A name may carry an argument after a colon: `embedded:/path/to/model.gguf`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from fieldwise.errors import InputError
from fieldwise.extract.extractor import Extractor
from fieldwise.llm import Model
from fieldwise.parse.parser import Parser
from fieldwise.settings import Settings, load_settings
from fieldwise.store import Database

Kind = Literal["parser", "model", "extractor"]


@dataclass(frozen=True)
class Order:
    """What a backend's maker is given: the settings, what stood after the colon, and for extractors the model."""

    settings: Settings
    argument: str = ""
    model: Callable[[], Model] | None = None


Maker = Callable[[Order], Any]

_makers: dict[tuple[Kind, str], Maker] = {}


def register(kind: Kind, name: str, maker: Maker) -> None:
    """Make `name` usable in settings. A later registration of the same name replaces the earlier one."""
    _makers[kind, name] = maker


def make(kind: Kind, spec: str, settings: Settings, model: Callable[[], Model] | None = None) -> Any:
    """Make the backend that `spec` (`name` or `name:argument`) names. Raises InputError for an unknown name."""
    name, _, argument = spec.partition(":")
    maker = _makers.get((kind, name)) or _load_plugin(kind, name)
    if maker is None:
        raise InputError(
            f"There is no {kind} {name!r}.",
            next_step=f"Known are: {', '.join(names(kind))}.",
            setting=kind,
        )
    return maker(Order(settings, argument, model))


def names(kind: Kind) -> list[str]:
    """Every name that can be used for this kind of backend."""
    plugins = {point.name for point in entry_points(group=f"fieldwise.{kind}s")}
    return sorted({name for k, name in _makers if k == kind} | plugins)


def _load_plugin(kind: Kind, name: str) -> Maker | None:
    for point in entry_points(group=f"fieldwise.{kind}s", name=name):
        try:
            maker: Maker = point.load()
        except Exception as error:  # a plugin's module may fail with anything
            owner = f"the distribution {point.dist.name}" if point.dist is not None else "its distribution"
            raise InputError(
                f"The {kind} {name!r} ({point.value}) could not be loaded: {type(error).__name__}: {error}.",
                next_step=f"Mend, update or uninstall {owner}.",
                setting=kind,
            ) from error
        return maker
    return None


@dataclass
class Toolkit:
    """The backends of one client, each made when first asked for. What the caller gave is used as it is."""

    settings: Settings = field(default_factory=load_settings)
    given: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def parser(self) -> Parser:
        parser: Parser = self.given.get("parser") or make("parser", self.settings.parser, self.settings)
        return parser

    @cached_property
    def model(self) -> Model:
        model: Model = self.given.get("model") or make("model", self.settings.model, self.settings)
        return model

    @cached_property
    def extractor(self) -> Extractor:
        extractor: Extractor = self.given.get("extractor") or make(
            "extractor", self.settings.extractor, self.settings, lambda: self.model
        )
        return extractor

    @cached_property
    def database(self) -> Database:
        database: Database = self.given.get("store") or Database(
            self.settings.store, busy_seconds=self.settings.store_busy_seconds
        )
        return database

    async def aclose(self) -> None:
        """Close what was made here and used; what the caller gave stays the caller's."""
        for name in ("extractor", "model", "parser", "database"):
            given = self.given.get("store" if name == "database" else name)
            if name in self.__dict__ and given is None:
                await self.__dict__.pop(name).aclose()


def _local_parser(order: Order) -> Any:
    local = import_module("fieldwise.parse.local")
    settings = order.settings
    return local.LocalParser(
        timeout_seconds=settings.parse_timeout_seconds,
        memory_mb=settings.parse_memory_mb,
        output_mb=settings.parse_output_mb,
        max_pages=settings.max_pages,
        max_file_mb=settings.max_file_mb,
        processes=settings.parse_processes,
        ocr=settings.ocr,
        ocr_dpi=settings.ocr_dpi,
        cache_dir=settings.cache_dir,
    )


def _embedded_model(order: Order) -> Any:
    embedded = import_module("fieldwise.llm.embedded")
    settings = order.settings
    return embedded.EmbeddedModel(
        gguf=Path(order.argument).expanduser() if order.argument else None,
        runtime=settings.embedded_runtime,
        cache_dir=settings.cache_dir,
        stall_seconds=settings.model_stall_seconds,
        idle_seconds=settings.model_idle_seconds,
        threads=settings.model_threads,
    )


def _fieldwise_extractor(order: Order) -> Any:
    engine = import_module("fieldwise.extract.engine")
    settings = order.settings
    if order.model is None:
        raise InputError("The extractor 'fieldwise' needs a model.", next_step="Name one with --model.")
    return engine.FieldwiseExtractor(
        order.model(),
        attempts=settings.extract_attempts,
        document_tokens=settings.document_tokens,
        max_output_tokens=settings.max_output_tokens,
    )


register("parser", "local", _local_parser)
register("model", "embedded", _embedded_model)
register("extractor", "fieldwise", _fieldwise_extractor)
