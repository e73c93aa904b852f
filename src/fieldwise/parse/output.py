"""A Document as `fieldwise parse --json` prints it (and other programs read it)."""

from __future__ import annotations

from typing import Any

from fieldwise.model import Document, Page, Table


def document_json(document: Document) -> dict[str, Any]:
    """Return `{"id", "media_type", "pages": [...], "issues": [...]}`; boxes are page fractions, null where unknown."""
    return {
        "id": document.id,
        "media_type": document.media_type,
        "name": document.name,
        "parser": document.parser,
        "pages": [_page(page) for page in document.pages],
        "issues": [issue.model_dump() for issue in document.issues],
    }


def _page(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "width": page.width,
        "height": page.height,
        "markdown": page.markdown,
        "words": [
            {
                "text": word.text,
                "box": word.box,
                "span": word.span,
                "source": word.source,
                **({} if word.confidence is None else {"confidence": word.confidence}),
            }
            for word in page.words
        ],
        "tables": [_table(table) for table in page.tables],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "rows": table.rows,
        "columns": table.columns,
        "box": table.box,
        "continues": table.continues,
        "cells": [cell.model_dump() for cell in table.cells],
    }
