from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.grounding import numbers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.234,56", ["1234.56"]),
        ("1,234.56", ["1234.56"]),
        ("1 234,56", ["1234.56"]),
        ("1\u202f234,56", ["1234.56"]),
        ("1'234.50", ["1234.50"]),
        ("1’234.50", ["1234.50"]),
        ("12,34,567.89", ["1234567.89"]),
        ("12.345.678", ["12345678"]),
        ("1.234", ["1234", "1.234"]),
        ("1,234", ["1234", "1.234"]),
        ("0,123", ["0.123"]),
        ("12,5", ["12.5"]),
        ("(123)", ["-123"]),
        ("(1.234,56)", ["-1234.56"]),
        ("-12", ["-12"]),
        ("−12", ["-12"]),
        ("12-", ["-12"]),
        ("+5", ["5"]),
        ("-€ 5,00", ["-5.00"]),
        ("€69.99", ["69.99"]),
        ("69,99 €", ["69.99"]),
        ("EUR 1.234,56", ["1234.56"]),
        ("1,234.56USD", ["1234.56"]),
        ("Rs. 1,23,456.00", ["123456.00"]),
        ("19 %", ["19"]),
        ("7,5%", ["7.5"]),
        ("12,-", ["12"]),
        (".5", ["0.5"]),
        ("1.5e3", ["1.5E+3"]),
        ("２０", ["20"]),
        ("12.", ["12"]),
    ],
)
def test_a_printed_number_has_these_readings(text: str, values: list[str]) -> None:
    assert [str(v) for v in numbers.readings(text)] == values


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1.2.3",
        "12/2012",
        "2012-12",
        "A-12",
        "12:30",
        "1,23,4",
        "(12",
        "12)",
        "--5",
        "-(5)-",
        "9" * 41,
        "1 2 3",
    ],
)
def test_what_is_not_one_number_has_no_reading(text: str) -> None:
    assert numbers.readings(text) == ()


def test_the_decimal_mark_is_learned_from_numbers_that_leave_no_doubt() -> None:
    assert numbers.decimal_mark(["1.234", "10,00", "3,50"]) == ","
    assert numbers.decimal_mark(["1,234.56", "10.00"]) == "."
    assert numbers.decimal_mark(["1.234", "17"]) is None


def test_the_documents_decimal_mark_settles_what_one_number_leaves_open() -> None:
    assert numbers.to_number("1.234", ",") == Decimal(1234)
    assert numbers.to_number("1.234", ".") == Decimal("1.234")
    assert numbers.to_number("1,234", ",") == Decimal("1.234")
    assert numbers.to_number("nothing") is None


@pytest.mark.parametrize(("text", "code"), [("€", "EUR"), ("eur", "EUR"), ("$", "USD"), ("EURO", "EUR"), ("ABC", None)])
def test_a_currency_is_known_by_code_and_by_symbol(text: str, code: str | None) -> None:
    assert numbers.currency_of(text) == code


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.sampled_from([",", "."]))
def test_every_amount_is_read_back_however_it_is_grouped(value: Decimal, mark: str) -> None:
    printed = f"{value:,.2f}"
    if mark == ",":
        printed = printed.translate(str.maketrans(",.", ".,"))
    assert value in numbers.readings(printed)


@given(st.text(max_size=60))
def test_any_text_at_all_is_read_without_an_error(text: str) -> None:
    assert all(isinstance(v, Decimal) for v in numbers.readings(text))
