"""Fixtures for the tests that run the loop: a document, a store, clients that are closed afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fieldwise as fw
from harness import TEXT, TextParser, scripted


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "loading.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


Clients = Callable[..., fw.Fieldwise]


def _factory(store: Path, made: list[fw.Fieldwise]) -> Clients:
    def make(model: Any = None, **options: Any) -> fw.Fieldwise:
        given = {"store": store, "parser": TextParser(), "model": scripted() if model is None else model, **options}
        made.append(fw.Fieldwise(**given))
        return made[-1]

    return make


@pytest.fixture
def client_of(store: Path) -> Iterator[Clients]:
    """Make clients on one store, each with a scripted model unless another is given, for sync calls."""
    made: list[fw.Fieldwise] = []
    yield _factory(store, made)
    for client in made:
        client.close()


@pytest.fixture
async def async_client_of(store: Path) -> AsyncIterator[Clients]:
    """The same for async calls: what was opened in a test's loop is closed in it."""
    made: list[fw.Fieldwise] = []
    yield _factory(store, made)
    for client in made:
        await client.aclose()


@pytest.fixture
def client(client_of: Clients) -> fw.Fieldwise:
    return client_of()
