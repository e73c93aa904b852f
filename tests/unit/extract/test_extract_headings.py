from __future__ import annotations

import pytest

from fieldwise.extract.headings import concepts, pairs

FIELDS = ["description", "article_number", "quantity", "unit_price", "line_total", "tax_rate_percent"]


@pytest.mark.parametrize(
    ("headings", "places"),
    [
        (["Pos", "Art-Nr", "Beschreibung", "Nettopreis", "Menge", "Steuersatz", "Nettobetrag"], [2, 1, 4, 3, 6, 5]),
        (["Réf.", "Désignation", "Qté", "Prix unitaire", "TVA", "Montant"], [1, 0, 2, 3, 5, 4]),
        (["Item", "Description", "Qty", "Unit price", "VAT %", "Total"], [1, 0, 2, 3, 5, 4]),
        (["Código", "Descripción", "Cantidad", "Precio", "IVA", "Importe"], [1, 0, 2, 3, 5, 4]),
        (["Bezeichnung", "Anzahl", "Einzelpreis", "Gesamtpreis"], [0, None, 1, 2, 3, None]),
    ],
)
def test_headings_of_bills_are_known_in_several_languages(headings: list[str], places: list[int | None]) -> None:
    found = pairs(FIELDS, headings)
    assert [found.get(i) for i in range(len(FIELDS))] == places


def test_two_columns_of_one_concept_are_left_to_the_model() -> None:
    assert pairs(["amount"], ["Betrag", "Montant"]) == {}
    assert pairs(["net_amount", "gross_amount"], ["Betrag"]) == {}


def test_a_rate_of_tax_is_a_percentage_and_a_total_price_an_amount() -> None:
    assert concepts("tax_rate") == {"tax", "percent"}
    assert concepts("Gesamtpreis") == concepts("line_total") == {"amount"}
    assert concepts("Harbour") == frozenset()
