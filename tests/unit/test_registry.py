"""Backends by name: built-in, registered, by entry point, and none that is not asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fieldwise import registry
from fieldwise.errors import InputError
from fieldwise.registry import Order, Toolkit, make, names, register
from fieldwise.settings import Settings
from harness import TextParser, scripted


@pytest.fixture(autouse=True)
def _own_registrations() -> Iterator[None]:
    before = dict(registry._makers)
    yield
    registry._makers.clear()
    registry._makers.update(before)


def test_the_built_in_backends_are_known() -> None:
    assert {"local"} <= set(names("parser"))
    assert {"embedded"} <= set(names("model"))
    assert {"fieldwise"} <= set(names("extractor"))


def test_a_registered_name_gets_its_settings_and_what_stood_after_the_colon() -> None:
    orders: list[Order] = []
    register("model", "mine", lambda order: orders.append(order) or "a model")
    settings = Settings(max_pages=3)
    assert make("model", "mine:/a/path:with colon", settings) == "a model"
    assert make("model", "mine", settings) == "a model"
    assert [(order.argument, order.settings.max_pages) for order in orders] == [("/a/path:with colon", 3), ("", 3)]
    assert "mine" in names("model")
    assert "mine" not in names("parser")


def test_a_later_registration_replaces_the_earlier_one() -> None:
    register("parser", "mine", lambda order: 1)
    register("parser", "mine", lambda order: 2)
    assert make("parser", "mine", Settings()) == 2


@pytest.mark.parametrize("kind", ["parser", "model", "extractor"])
def test_an_unknown_name_is_an_error_that_names_the_known_ones(kind: Any) -> None:
    with pytest.raises(InputError, match=f"no {kind} 'nothing'") as caught:
        make(kind, "nothing:x", Settings())
    assert ", ".join(names(kind)) in caught.value.next_step


def test_a_plugin_comes_in_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "plugged-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n", encoding="utf-8")
    (package / "entry_points.txt").write_text("[fieldwise.models]\nplugged = plugged_backend:make\n", encoding="utf-8")
    (tmp_path / "plugged_backend.py").write_text(
        "def make(order):\n    return ('plugged', order.argument)\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "plugged" in names("model")
    assert make("model", "plugged:large", Settings()) == ("plugged", "large")


async def test_a_toolkit_makes_what_is_asked_for_once_and_closes_only_that(tmp_path: Path) -> None:
    made: list[str] = []
    closed: list[str] = []

    class Backend:
        def __init__(self, kind: str) -> None:
            self.kind = kind
            made.append(kind)

        async def aclose(self) -> None:
            closed.append(self.kind)

    register("parser", "counted", lambda order: Backend("parser"))
    register("model", "counted", lambda order: Backend("model"))
    settings = Settings(store=f"sqlite:///{tmp_path / 'x.db'}", parser="counted", model="counted")
    toolkit = Toolkit(settings)
    assert toolkit.parser is toolkit.parser
    assert made == ["parser"]
    await toolkit.aclose()
    assert closed == ["parser"]
    assert toolkit.parser is not None
    assert made == ["parser", "parser"], "after closing it is made anew"
    await toolkit.aclose()


async def test_what_the_caller_gave_stays_the_callers(tmp_path: Path) -> None:
    class Model:
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    model = Model()
    toolkit = Toolkit(Settings(store=f"sqlite:///{tmp_path / 'x.db'}"), {"model": model, "parser": TextParser()})
    assert toolkit.model is model
    await toolkit.aclose()
    assert not model.closed


def test_the_extractor_gets_the_toolkits_model() -> None:
    model = scripted()
    toolkit = Toolkit(Settings(), {"model": model})
    assert toolkit.extractor.name == "fieldwise/1"
    asked = toolkit.extractor._model  # type: ignore[attr-defined]  # of the engine: the model, waited for
    assert asked._model is model


def test_an_extractor_that_needs_no_model_loads_none() -> None:
    register("extractor", "mine", lambda order: "an extractor")
    register("model", "never", lambda order: pytest.fail("no model was asked for"))
    assert Toolkit(Settings(extractor="mine", model="never")).extractor == "an extractor"
