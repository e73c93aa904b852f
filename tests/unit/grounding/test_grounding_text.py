from __future__ import annotations

import pytest

from fieldwise.grounding.text import collapse, label_words, squeeze, tokens


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("69.99", ["69.99"]),
        ("12/2012", ["12/2012"]),
        ("2012-12", ["2012", "12"]),
        ("foo@bar.com", ["foo", "bar", "com"]),
        ("ﬁne", ["fine"]),
        ("Shah¹,²", ["shah", "1", "2"]),
        ("東京都", ["東", "京", "都"]),
        ("हिन्दी", ["हिन्दी"]),
        ("", []),
    ],
)
def test_text_is_cut_into_tokens(text: str, found: list[str]) -> None:
    assert tokens(text) == found


def test_squeezing_makes_case_spacing_and_hyphenation_equal() -> None:
    assert squeeze("DE 123 456") == squeeze("de123456") == squeeze("DE-123-456")
    assert squeeze("infor-\nmation") == squeeze("Information")
    assert squeeze("69.99") != squeeze("6999")


def test_white_space_of_any_kind_becomes_one_space() -> None:
    assert collapse("  a\n\tb\u00a0c ") == "a b c"


def test_a_label_is_its_telling_words() -> None:
    assert label_words("invoice_number The number of the invoice") == ("invoice",)
    assert label_words("invoiceDate") == ("invoice",)
    assert label_words("date") == ("date",)
