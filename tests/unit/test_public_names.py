"""What the package shows to the world, and what it costs to import it."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from typing import Any, get_type_hints

import pytest

import fieldwise as fw
from fieldwise import defaults, workflow
from fieldwise.client import Fieldwise
from fieldwise.handle import RunHandle

PINNED = [
    "Agent",
    "BatchItem",
    "Citation",
    "Decision",
    "Document",
    "Extraction",
    "Fieldwise",
    "FieldwiseError",
    "Issue",
    "Run",
    "RunHandle",
    "RunStatus",
    "SchemaVersion",
    "Settings",
    "__version__",
    "aextract",
    "aextract_many",
    "aparse",
    "astart",
    "extract",
    "extract_many",
    "parse",
    "start",
]


def test_the_public_names_are_these_and_no_others() -> None:
    assert fw.__all__ == PINNED == sorted(PINNED)
    assert dir(fw) == PINNED


@pytest.mark.parametrize("name", PINNED)
def test_every_public_name_can_be_imported(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"from fieldwise import {name}", namespace)  # noqa: S102  # what a user writes
    assert namespace[name] is getattr(fw, name)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'strat'"):
        fw.strat  # noqa: B018  # a slip of the pen


def test_the_workflow_module_has_the_notebooks_names() -> None:
    for name in (
        "IterativeExtractionWorkflow",
        "InputEvent",
        "ParsedContent",
        "RunExtraction",
        "ProposedSchema",
        "ApprovedSchema",
        "ExtractedData",
        "ProgressEvent",
        "WorkflowState",
    ):
        assert inspect.isclass(getattr(workflow, name)), name


@pytest.mark.parametrize(
    ("event", "given"),
    [
        ("InputEvent", {"file_path": "a.pdf", "prompt": "the title"}),
        ("ProposedSchema", {"generated_schema": {}}),
        ("ApprovedSchema", {"approved": False, "feedback": "more"}),
        ("ExtractedData", {"data": {}, "agent_id": "agt_1"}),
        ("ProgressEvent", {"msg": "Reading"}),
    ],
)
def test_the_notebooks_events_need_no_more_than_the_notebook_gives(event: str, given: dict[str, Any]) -> None:
    made = getattr(workflow, event)(**given)
    assert {name: getattr(made, name) for name in given} == given


def imported(*names: str) -> list[str]:
    code = "import json, sys; import fieldwise; print(json.dumps(sorted(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=bare())
    modules = set(json.loads(process.stdout))
    return [name for name in names if name in modules]


def bare() -> dict[str, str]:
    """The environment without what the tests put on the path: that has imports of its own."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_importing_the_package_loads_no_vendor_and_no_heavy_library() -> None:
    assert imported("fieldwise") == ["fieldwise"]
    heavy = ("pydantic", "sqlalchemy", "workflows", "jsonschema", "asyncio", "platformdirs", "rich", "click")
    vendors = ("openai", "llama_cloud", "openvino_genai", "openvino", "xllamacpp", "liteparse", "numpy")
    assert imported(*heavy, *vendors) == []


def test_making_a_client_loads_no_vendor() -> None:
    code = """
import json, sys
import fieldwise
fieldwise.Fieldwise()
print(json.dumps(sorted(sys.modules)))
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=bare())
    modules = set(json.loads(process.stdout))
    assert "pydantic" in modules
    for vendor in ("openai", "llama_cloud", "openvino_genai", "openvino", "xllamacpp", "liteparse", "numpy"):
        assert vendor not in modules


# Every call exists twice


def public_methods(kind: type) -> dict[str, Any]:
    return {name: value for name, value in vars(kind).items() if not name.startswith("_") and inspect.isfunction(value)}


def returned(function: Any) -> str:
    """The result's type, as it is awaited or iterated."""
    hint = str(inspect.signature(function).return_annotation)
    return hint.replace("AsyncIterator", "Iterator")


def parameters(function: Any) -> list[tuple[str, Any, Any, str]]:
    return [(p.name, p.kind, p.default, str(p.annotation)) for p in inspect.signature(function).parameters.values()]


ONLY_ONE: dict[type, set[str]] = {Fieldwise: {"close"}, RunHandle: set()}


@pytest.mark.parametrize("kind", [Fieldwise, RunHandle])
def test_every_async_method_has_a_sync_twin_with_the_same_signature(kind: type) -> None:
    methods = public_methods(kind)
    twins = {name: methods["a" + name] for name in methods if "a" + name in methods and name not in ONLY_ONE[kind]}
    assert twins
    for name, twin in twins.items():
        assert parameters(methods[name]) == parameters(twin), name
        assert returned(methods[name]) == returned(twin), name
        assert methods[name].__name__ == name
        assert not inspect.iscoroutinefunction(methods[name]), name
        assert methods[name].__doc__, name
    paired = set(twins) | {"a" + name for name in twins} | {n for only in ONLY_ONE[kind] for n in (only, "a" + only)}
    assert set(methods) == paired, "a method without its twin"


def test_every_function_of_the_package_has_a_twin_and_is_the_clients() -> None:
    for name in ("start", "extract", "parse", "extract_many"):
        sync, asynchronous = getattr(defaults, name), getattr(defaults, "a" + name)
        assert parameters(sync) == parameters(asynchronous)
        assert returned(sync) == returned(asynchronous)
        method = inspect.signature(getattr(Fieldwise, name))
        own = [(p.name, p.kind, p.default) for p in list(method.parameters.values())[1:]]
        assert own == [(n, k, d) for n, k, d, _ in parameters(sync)]
        assert sync.__doc__
        assert asynchronous.__doc__


def test_the_types_of_all_public_calls_can_be_resolved() -> None:
    for function in (defaults.start, defaults.astart, defaults.extract, defaults.extract_many, defaults.parse):
        assert get_type_hints(function)


@pytest.mark.parametrize("first", ["fieldwise.parse.local", "fieldwise.extract.engine", "fieldwise.workflow"])
def test_functions_are_not_hidden_by_the_subpackages_of_their_names(first: str) -> None:
    code = f"""
import importlib
import fieldwise
importlib.import_module({first!r})
assert callable(fieldwise.parse) and callable(fieldwise.extract), (fieldwise.parse, fieldwise.extract)
importlib.import_module("fieldwise.parse.text")
assert callable(fieldwise.parse) and callable(fieldwise.extract), (fieldwise.parse, fieldwise.extract)
from fieldwise.parse import LocalParser
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=bare())
    assert process.returncode == 0, process.stderr
