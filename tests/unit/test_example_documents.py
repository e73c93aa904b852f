"""The committed example documents are what their sources say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENTS = EXAMPLES / "documents"
PYPROJECT = EXAMPLES.parent / "pyproject.toml"


def gold(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DOCUMENTS / f"{name}.gold.json").read_text(encoding="utf-8"))
    return loaded


def test_the_committed_documents_are_the_ones_their_sources_give(tmp_path: Path) -> None:
    pinned = re.search(r'"reportlab==([\d.]+)"', PYPROJECT.read_text(encoding="utf-8"))
    assert pinned
    try:
        installed = version("reportlab")
    except PackageNotFoundError:
        pytest.skip("reportlab is not installed: pip install --group examples")
    if installed != pinned[1]:
        pytest.skip(f"reportlab {installed} is installed, the documents are rendered by {pinned[1]}")
    subprocess.run([sys.executable, str(EXAMPLES / "render.py"), str(tmp_path)], check=True, capture_output=True)
    rendered = sorted(path.name for path in tmp_path.iterdir())
    assert rendered == sorted(path.name for path in DOCUMENTS.iterdir() if path.is_file())
    stale = [name for name in rendered if (tmp_path / name).read_bytes() != (DOCUMENTS / name).read_bytes()]
    assert not stale, "run: python examples/render.py"


def test_the_documents_stay_small() -> None:
    assert all(path.stat().st_size < 150_000 for path in DOCUMENTS.glob("*.pdf"))


def test_the_invoice_adds_up_to_the_cent() -> None:
    invoice = gold("invoice")
    assert len(invoice["line_items"]) == 12
    for item in invoice["line_items"]:
        assert Decimal(str(item["quantity"])) * Decimal(str(item["unit_price"])) == Decimal(str(item["amount"]))
    net = sum((Decimal(str(item["amount"])) for item in invoice["line_items"]), Decimal(0))
    assert net == Decimal(str(invoice["net"]))
    assert net + Decimal(str(invoice["vat"])) == Decimal(str(invoice["total"]))
    assert round(net * Decimal(str(invoice["vat_rate"])) / 100, 2) == Decimal(str(invoice["vat"]))


def test_the_invoice_has_an_iban_whose_check_digits_hold() -> None:
    iban = gold("invoice")["iban"]
    assert int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def test_the_contracts_instalments_add_up_to_its_annual_fee() -> None:
    contract = gold("contract")
    assert contract["quarterly_instalment"] * 4 == contract["annual_fee"]


def test_the_papers_tables_agree_with_each_other_and_with_its_abstract() -> None:
    paper = gold("paper")
    harbours, errors = paper["tables"]
    sessions = {row[0]: row[4] for row in harbours["rows"]}
    readings = 0
    for harbour, method, count, bias, spread, rmse, *_ in errors["rows"]:
        readings += count
        assert abs((bias**2 + spread**2) ** 0.5 - rmse) <= 0.1
        assert count == sessions[harbour] or method != "Single observer"
    assert f"{sum(sessions.values())} sessions" in paper["abstract"]
    assert f"{readings:,} readings" in paper["abstract"]
    for method in ("Single photograph", "Single observer", "Paired observers", "Burst of ten"):
        rows = [row for row in errors["rows"] if row[1] == method]
        pooled = (sum(row[2] * (row[3] ** 2 + row[4] ** 2) for row in rows) / sum(row[2] for row in rows)) ** 0.5
        assert f"{pooled:.1f} mm" in paper["abstract"], method
