"""Every error says what happened and what to do next, and travels between processes."""

from __future__ import annotations

import inspect
import pickle

import pytest

from fieldwise import errors
from fieldwise.errors import FieldwiseError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, FieldwiseError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_keeps_all_it_carries_on_its_way_to_another_process(kind: type[FieldwiseError]) -> None:
    error = kind("It broke.", next_step="Mend it.", run_id="run_1", page=3)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own, a moment ago
    assert type(again) is kind
    assert (again.message, again.next_step, again.fields) == ("It broke.", "Mend it.", {"run_id": "run_1", "page": 3})
    assert str(again) == "It broke. Mend it."


def test_an_error_without_a_next_step_ends_with_its_message() -> None:
    assert str(FieldwiseError("It broke.")) == "It broke."


def test_every_kind_of_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.FieldwiseError, 1),
        (errors.ModelStalled, 1),
        (errors.StoreFull, 1),
        (errors.InputError, 2),
        (errors.RunNotFound, 2),
        (errors.SchemaInvalid, 2),
        (errors.RunRejected, 3),
        (errors.CredentialsMissing, 4),
    ],
)
def test_exit_codes_are_those_of_the_contract(kind: type[FieldwiseError], code: int) -> None:
    assert kind.exit_code == code


def test_the_tree_in_the_modules_text_is_the_tree_of_the_code() -> None:
    drawn = errors.__doc__ or ""
    for kind in KINDS:
        assert kind.__name__ in drawn
