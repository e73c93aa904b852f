from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.grounding import dates


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05",
        "2024/03/05",
        "5 March 2024",
        "5th March 2024",
        "March 5, 2024",
        "Mar. 5, 2024",
        "05-Mar-2024",
        "5-mar-24",
        "5. März 2024",
        "05.Mär.2024",
        "5 mars 2024",
        "5 de marzo de 2024",
        "5 de março de 2024",
        "5 marzo 2024",
        "5 maart 2024",
        "5 marca 2024",
        "2024年3月5日",
        "20240305",
        "Tuesday, 5 March 2024",
        "Dienstag, 5. März 2024",
        "2024-03-05T14:30:00Z",
    ],
)
def test_a_printed_date_is_read_in_any_usual_form(text: str) -> None:
    assert dates.readings(text)[0] == "2024-03-05"


def test_a_numeric_date_keeps_both_readings_until_the_order_is_known() -> None:
    assert set(dates.readings("05/03/2024")) == {"2024-03-05", "2024-05-03"}
    assert dates.readings("05/03/2024", day_first=True) == ("2024-03-05",)
    assert dates.readings("05/03/2024", day_first=False) == ("2024-05-03",)
    assert dates.readings("13/05/2024", day_first=False) == ("2024-05-13",)
    assert dates.readings("05.03.24")[0] == "2024-03-05"


@pytest.mark.parametrize("text", ["March 2024", "03/2024", "mars 2024", "2024-03"])
def test_a_month_is_a_month(text: str) -> None:
    assert dates.readings(text) == ("2024-03",)


@pytest.mark.parametrize("text", ["", "31.02.2024", "99.99.9999", "March", "2024", "1.2.3", "5 Marchs", "x" * 200])
def test_what_is_no_date_has_no_reading(text: str) -> None:
    assert dates.readings(text) == ()


def test_dates_are_found_where_they_stand_in_running_text() -> None:
    text = "Issued 14 March 2025, due 13.04.2025 (see 2025-0317)."
    assert [(text[f.start : f.end], f.readings[0]) for f in dates.find_dates(text)] == [
        ("14 March 2025", "2025-03-14"),
        ("13.04.2025", "2025-04-13"),
    ]


def test_offsets_hold_where_lower_case_is_longer_than_upper_case() -> None:
    text = "İİİ 5 March 2024"
    found = next(dates.find_dates(text))
    assert text[found.start : found.end] == "5 March 2024"


def test_the_order_of_day_and_month_is_learned_from_the_document() -> None:
    assert dates.prefers_day_first("on 13/05/2024 and 05/06/2024") is True
    assert dates.prefers_day_first("on 05/13/2024 and 05/06/2024") is False
    assert dates.prefers_day_first("on 05/06/2024") is None


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31)))
def test_every_date_is_read_back_from_its_usual_forms(day: date) -> None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y"):
        assert day.isoformat() in dates.readings(day.strftime(form))


@given(st.text(alphabet="0123456789./- marchMäJune,", max_size=80))
def test_any_text_at_all_is_searched_without_an_error(text: str) -> None:
    assert all(0 <= f.start < f.end <= len(text) for f in dates.find_dates(text))
