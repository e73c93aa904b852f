"""What people say, checked before any work: the request, the feedback, the answer to a proposal."""

from __future__ import annotations

from typing import Any

from fieldwise.errors import InputError
from fieldwise.model import Decision
from fieldwise.propose import require_valid
from fieldwise.settings import Settings
from fieldwise.workflow_state import ApprovedSchema


def check_request(prompt: str, settings: Settings, *, schema_given: bool = False) -> None:
    """Refuse a prompt that cannot lead anywhere. Raises InputError."""
    if not prompt.strip() and not schema_given:
        raise InputError(
            "The prompt is empty.",
            next_step='Say what you want from the document, as in "Extract the title, authors, and key takeaways".',
        )
    check_length("prompt", prompt, settings)


def check_length(what: str, text: str, settings: Settings) -> None:
    limit = settings.max_prompt_characters
    if len(text) > limit:
        raise InputError(
            f"The {what} has {len(text):,} characters; the limit is {limit:,}.",
            next_step="Shorten it (a long text belongs in the document), or raise FIELDWISE_MAX_PROMPT_CHARACTERS.",
        )


def decision_of(ev: ApprovedSchema, version: int, settings: Settings) -> Decision:
    values: dict[str, Any] = {"version": version}
    if ev.decision_id:
        values["id"] = ev.decision_id
    if ev.approved and ev.edited_schema is not None:
        raise InputError(
            "An approval takes no schema.",
            next_step="Send the edited schema with approved=False, or approve what is shown.",
        )
    if ev.approved:
        return Decision(kind="approve", feedback=ev.feedback, **values)
    if ev.edited_schema is not None:
        require_valid(ev.edited_schema)
        return Decision(kind="edit", schema=ev.edited_schema, feedback=ev.feedback, **values)
    check_length("feedback", ev.feedback, settings)
    if not ev.feedback.strip():
        raise InputError("The feedback is empty.", next_step="Say in plain words what to change, or approve.")
    return Decision(kind="revise", feedback=ev.feedback, **values)


def why_ignored(version: int | None, awaiting: int) -> str:
    if not awaiting:
        return "An answer was ignored: no proposal waits for one"
    return f"An answer to version {version} was ignored: version {awaiting} waits"
