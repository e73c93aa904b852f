"""What the headings of everyday tables say, in several languages: `Menge` is a quantity and so is `Qty`.

Only words of bills, orders, statements and price lists, where tables are most of the document and headings are terse.
What is not here is asked of the model.
"""

from __future__ import annotations

from functools import lru_cache

from fieldwise.grounding.text import tokens

_WORDS: dict[str, str] = {
    "position": "pos position posnr line row rang ligne riga fila regel",
    "article": "article artikel art sku code código codigo item artículo articulo articolo artigo référence réf ref "
    "artikkel product produkt produit producto prodotto produto",
    "number": "number no nr num número numero numéro nummer",
    "description": "description desc beschreibung bezeichnung omschrijving désignation designation libellé descripción "
    "descripcion concepto descrizione descrição descricao beskrivelse beskrivning opis leistung text details "
    "particulars narrative verwendungszweck buchungstext",
    "quantity": "quantity qty quant menge anzahl aantal quantité quantite qté cantidad cant quantità qtà quantidade "
    "qtd antal ilość ilosc stück hours stunden heures",
    "unit": "unit uom einheit eenheid unité unite unidad unità unidade enhet enhed jednostka",
    "price": "price preis einzelpreis stückpreis prijs stukprijs prix precio prezzo preço preco pris cena rate",
    "amount": "amount betrag bedrag montant importe importo valor beløb belopp kwota wert warenwert value sum summe",
    "total": "total gesamt gesamtpreis gesamtbetrag totaal totale zeilenbetrag positionsbetrag ttc suma",
    "tax": "tax vat gst mwst ust umsatzsteuer steuer btw tva iva moms mva podatek",
    "percent": "percent percentage prozent pct satz taux tasa aliquota percentuale porcentaje",
    "discount": "discount rabatt nachlass korting remise descuento sconto desconto rabat",
    "date": "date datum fecha data dato buchungstag valuta wertstellung",
    "balance": "balance saldo kontostand solde",
    "debit": "debit soll débit cargo addebito debet belastung withdrawal withdrawals",
    "credit": "credit haben crédit abono accredito gutschrift deposit deposits",
}
_CONCEPTS: dict[str, frozenset[str]] = {}
for _concept, _listed in _WORDS.items():
    for _word in _listed.split():
        _CONCEPTS[_word] = _CONCEPTS.get(_word, frozenset()) | {_concept}
# The parts of German and Dutch compounds: Nettopreis, Zeilenbetrag, Steuersatz, Artikelnummer.
_PARTS = (
    "preis",
    "prijs",
    "betrag",
    "bedrag",
    "menge",
    "nummer",
    "steuer",
    "satz",
    "artikel",
    "datum",
    "rabatt",
    "gesamt",
)
_NOISE = frozenset(("unit", "number", "total"))


@lru_cache(maxsize=4_096)
def concepts(text: str) -> frozenset[str]:
    """Return what a heading or a field's name speaks of: `unit_price` of a price, `Gesamtpreis` of an amount."""
    words = tokens(text.replace("_", " "))
    found: set[str] = set()
    for word in words:
        known = _CONCEPTS.get(word)
        if known is None and len(word) > 5:
            known = frozenset().union(*(_CONCEPTS[part] for part in _PARTS if part in word))
        found |= known or frozenset()
    if "%" in text:
        found.add("percent")
    if "tax" in found and "price" in found and {"rate"} & set(words):
        # A tax rate is a percentage, a rate per hour is a price.
        found = (found - {"price"}) | {"percent"}
    if "total" in found:
        # Whatever is total is what the line comes to.
        found = (found - {"price", "total", "unit", "position"}) | {"amount"}
    return frozenset(found - _NOISE) or frozenset(found)


def pairs(wanted: list[str], headings: list[str]) -> dict[int, int]:
    """Match names to headings by what they speak of; returns index of name -> index of heading, where one only fits."""
    speak = [concepts(name) for name in wanted]
    said = [concepts(heading) for heading in headings]
    found: dict[int, int] = {}
    for exact in (True, False):
        for i, mine in enumerate(speak):
            if i in found or not mine:
                continue
            free = [c for c, other in enumerate(said) if other and c not in found.values()]
            fitting = [c for c in free if (said[c] == mine if exact else bool(said[c] & mine))]
            rivals = [j for j, other in enumerate(speak) if j != i and j not in found and len(fitting) == 1
                      and (said[fitting[0]] == other if exact else bool(said[fitting[0]] & other))]  # fmt: skip
            if len(fitting) == 1 and not rivals:
                found[i] = fitting[0]
    return found
