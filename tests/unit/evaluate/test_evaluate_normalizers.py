"""How two values are compared: hand-made cases for every normalizer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fieldwise.evaluate.alignment import match_matrix
from fieldwise.evaluate.canonical import Locale, canon, matches
from fieldwise.evaluate.rules import Rule, RuleKind


def match(
    gold: Any,
    predicted: Any,
    kind: RuleKind,
    *,
    strict: bool = False,
    locale: Locale = Locale(),  # noqa: B008  # an immutable value
    tolerance: float | None = None,
    threshold: float = 0.8,
) -> bool:
    rule = Rule(kind, tolerance, threshold)
    ours, theirs = (canon(v, rule, locale, strict=strict) for v in (gold, predicted))
    one_by_one = matches(ours, theirs)
    # The two ways of comparing must never part: one value at a time, and a whole column at once.
    assert bool(match_matrix([ours], [theirs])[0, 0]) is one_by_one
    assert np.array_equal(
        match_matrix([ours, theirs], [theirs, ours]),
        np.array([[matches(ours, theirs), matches(ours, ours)], [matches(theirs, theirs), matches(theirs, ours)]]),
    )
    return one_by_one


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("1,234.56", 1234.56),
        ("1.234,56", 1234.56),
        ("1 234,56", 1234.56),
        ("1'234.56", 1234.56),
        ("12,34,567.00", 1234567.0),
        ("(123.45)", -123.45),
        ("12-", -12),
        ("−7,5", -7.5),
        ("€ 19,99", 19.99),
        ("USD 1,000.00", 1000.0),
        ("19 %", 19),
        ("12.5 kg", 12.5),
        ("3 m²", 3),
        ("0,00", 0),
    ],
)
def test_a_printed_number_is_its_value(printed: str, value: float) -> None:
    assert match(value, printed, "number")
    assert match(printed, value, "number")
    assert not match(value, printed, "number", strict=True)
    assert not match(value + 5, printed, "number")


def test_a_number_with_two_readings_is_read_as_the_document_writes_them() -> None:
    assert match(1234, "1.234", "number", locale=Locale(mark=","))
    assert not match(1234, "1.234", "number", locale=Locale(mark="."))
    assert match(1.234, "1.234", "number", locale=Locale(mark="."))


@pytest.mark.parametrize("scaled", ["5 million", "5 Mio", "5 bn", "5k", "5M"])
def test_a_scale_is_not_a_unit(scaled: str) -> None:
    assert not match(5, scaled, "number")


def test_two_units_are_two_values() -> None:
    assert match("5 kg", "5 KG", "number")
    assert not match("5 kg", "5 lb", "number")


def test_money_may_be_off_by_half_a_cent() -> None:
    assert match(100.0, 100.005, "number")
    assert match(100.0, 99.995, "number")
    assert not match(100.0, 100.006, "number")
    assert match(3_000_000.0, 3_000_002.5, "number")
    assert not match(3_000_000.0, 3_000_003.5, "number")


def test_a_rate_with_more_decimals_is_not_off_by_half_a_cent() -> None:
    assert not match(0.0375, 0.04, "number")
    assert match(0.0375, 0.0375, "number")


def test_integers_are_exact() -> None:
    assert match(1000, 1000.0, "integer")
    assert match(1000, "1,000", "integer")
    assert not match(1_000_000, 1_000_001, "integer")


def test_a_declared_tolerance_replaces_the_usual_one() -> None:
    assert match(3.5, 3.6, "number", tolerance=0.1)
    assert not match(3.5, 3.61, "number", tolerance=0.1)
    assert not match(100.0, 100.001, "number", tolerance=0.0)


ISO = "2024-03-05"


@pytest.mark.parametrize(
    "printed",
    [
        "2024-03-05",
        "05.03.2024",
        "5. März 2024",
        "March 5, 2024",
        "5 March 2024",
        "2024/03/05",
        "20240305",
        "5 mars 2024",
        "Tuesday, 5 March 2024",
        "2024-03-05T00:00:00",
        "2024年3月5日",
    ],
)
@pytest.mark.parametrize("kind", ["date", "string"])
def test_a_date_is_the_day_that_it_names(printed: str, kind: RuleKind) -> None:
    assert match(ISO, printed, kind)
    assert match(ISO, printed, kind, strict=True)
    assert not match("2024-03-06", printed, kind)


def test_a_date_with_two_readings_is_read_as_the_document_writes_them() -> None:
    assert match(ISO, "05/03/2024", "date", locale=Locale(day_first=True))
    assert match("2024-05-03", "05/03/2024", "date", locale=Locale(day_first=False))
    assert not match("2024-05-03", "05/03/2024", "date", locale=Locale(day_first=True))


def test_a_moment_is_compared_with_its_time_where_both_have_one() -> None:
    assert match("2024-03-05T10:00:00+01:00", "2024-03-05T09:00:00Z", "date-time")
    assert not match("2024-03-05T10:00:00", "2024-03-05T11:00:00", "date-time")
    assert match("2024-03-05T10:00:00", "2024-03-05", "date-time")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("ACME  Ltd.", "acme ltd"),
        ("Müller & Söhne", "MÜLLER &  SÖHNE"),
        ("ﬁne print", "Fine print"),
        ("“Quoted”", "'quoted'"),
        ("1,234 items", "1234 items"),
        ("A - B", "A B"),
        ("Straße", "STRASSE"),
    ],
)
def test_text_is_compared_without_case_punctuation_and_spacing(a: str, b: str) -> None:
    assert match(a, b, "string")
    assert not match(a, b, "string", strict=True)


@pytest.mark.parametrize(
    ("a", "b"), [("31.45", "3145"), ("12:30", "1230"), ("-5", "5"), ("A+", "A"), ("<5", ">5"), ("Acme", "Acme GmbH")]
)
def test_marks_that_carry_meaning_stay(a: str, b: str) -> None:
    assert not match(a, b, "string")


def test_a_code_is_compared_to_the_letter_but_for_spacing() -> None:
    assert match("DE 123", "DE  123 ", "code")
    assert not match("DE-123", "DE123", "code")
    assert not match("ab1", "AB1", "code")


def test_strict_text_forgives_spacing_only() -> None:
    assert match("Acme  Ltd", "Acme Ltd ", "string", strict=True)
    assert not match("Acme Ltd", "Acme Ltd.", "string", strict=True)


def test_free_text_matches_from_its_threshold_on() -> None:
    assert match("the quick brown fox jumps", "The quick brown fox jumped", "text")
    assert not match("the quick brown fox jumps", "a slow red dog sleeps", "text")
    assert not match("abcdefghij", "abcdefghXY", "text", threshold=0.9)
    assert match("abcdefghij", "abcdefghXY", "text", threshold=0.8)
    assert not match("abcdefghij", "abcdefghXY", "text", strict=True)


def test_days_that_look_alike_are_two_days_in_free_text_too() -> None:
    assert not match("5 March 2024", "6 March 2024", "text")


@pytest.mark.parametrize("yes", [True, "true", "Yes", "checked", "x", "☑", 1])
@pytest.mark.parametrize("no", [False, "false", "No", "unchecked", "☐", 0])
def test_yes_and_no_in_all_spellings(yes: Any, no: Any) -> None:
    assert match(True, yes, "boolean")
    assert match(False, no, "boolean")
    assert not match(yes, no, "boolean")


def test_choices_are_compared_without_case() -> None:
    assert match("OPEN", "open", "enum")
    assert not match("open", "opened", "enum")
    assert not match("OPEN", "open", "enum", strict=True)


@pytest.mark.parametrize("url", ["https://www.example.com/a/", "HTTP://example.com/a", "example.com/a"])
def test_a_web_address_is_the_same_with_and_without_its_head(url: str) -> None:
    assert match("https://example.com/a", url, "url")
    assert not match("https://example.com/b", url, "url")


@pytest.mark.parametrize("kind", ["string", "code", "number", "integer", "date", "boolean", "enum", "text", "any"])
def test_null_matches_null_and_nothing_else(kind: RuleKind) -> None:
    assert match(None, None, kind)
    assert match(None, "  ", kind)
    assert not match(None, "0", kind)
    assert not match("0", None, kind)
    assert not match(0, None, kind)


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], "x" * 5000, 10**60, 1e308, "1" * 500, "\x00", "𝔘nicode"])
@pytest.mark.parametrize("kind", ["string", "number", "date", "date-time", "boolean", "enum", "any", "url", "text"])
def test_any_json_value_equals_itself_and_breaks_nothing(value: Any, kind: RuleKind) -> None:
    assert match(value, value, kind)
    assert match(value, value, kind, strict=True)


def test_a_whole_column_is_compared_as_its_values_are_one_by_one() -> None:
    values: list[Any] = [
        None,
        "",
        "5 March 2024",
        "2024-03-05",
        "2024-03",
        "Acme",
        "ACME.",
        5,
        5.004,
        "5 kg",
        "5 lb",
        True,
        7,
    ]
    kinds: tuple[RuleKind, ...] = ("string", "text", "number", "integer", "date", "date-time", "any", "code", "boolean")
    for kind in kinds:
        held = [canon(v, Rule(kind), Locale()) for v in values]
        expected = [[matches(g, p) for p in held] for g in held]
        assert match_matrix(held, held).tolist() == expected, kind


def test_where_text_and_numbers_are_both_allowed_a_number_in_quotes_is_that_number() -> None:
    assert match(2019, "2019", "any")
    assert match("2.50", 2.5, "any")
    assert match("2019", "2019", "any")
    assert not match(2019, "2020", "any")
    assert not match("007", 7, "any")
    assert not match("007", "7", "any")
    assert not match(2019, "2019", "any", strict=True)
