"""The review at the terminal: look at a proposal, answer it, look at the next one, until it is agreed or left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text

from fieldwise.cli.failure import paragraph
from fieldwise.cli.inputs import parse_schema
from fieldwise.errors import (
    InputError,
    ModelAnswerInvalid,
    ModelOverloaded,
    ModelStalled,
    NotAwaitingReview,
    RunNotFound,
    SchemaInvalid,
    StaleDecision,
)
from fieldwise.handle import RunHandle
from fieldwise.model import RunStatus, SchemaVersion

from .editor import Draft
from .proposal_view import difference, proposal_view
from .safe import dump_json
from .terminal import LineCut, Terminal

if TYPE_CHECKING:
    from fieldwise.cli.session import Session

# After these the last proposal can be answered in other words: what failed is the answer, not the machinery.
MODEL_FAILURES = (ModelAnswerInvalid, ModelOverloaded, ModelStalled)

MENU = "[a]pprove  [r]evise  [e]dit in $EDITOR  [d]iff  [s]how json  [q]uit (run is kept)  [?]"
HELP = """\
  a  approve       extract with this schema, at once
  r  revise        say in plain words what to change; the model writes the next version
  e  edit          change the JSON Schema yourself, in $EDITOR; it becomes the next version
  d  diff          what changed since the version before
  s  show json     the whole JSON Schema
  q  quit          leave; the run is kept and waits (Ctrl-D does the same)
  reject           end the run without extracting (written out)
  ?  help          this list
Type a letter or the word, then Enter. Enter alone does nothing."""


def answerable(handle: RunHandle) -> bool:
    """Say whether a proposal can be answered: it waits, or the work on the answer before failed."""
    return handle.proposal is not None and handle.status in (RunStatus.AWAITING_REVIEW, RunStatus.FAILED)


class Review:
    """One person, one run. `run()` returns the run as it was left: waiting, done, rejected, or taken by others."""

    def __init__(self, session: Session, terminal: Terminal, handle: RunHandle, *, after_work: bool = False) -> None:
        self.session = session
        self.terminal = terminal
        self.handle = handle
        self._after_work = after_work
        self._drafts: dict[int, Draft] = {}
        self._actions: dict[str, Callable[[SchemaVersion], None]] = {
            "a": self._approve,
            "r": self._revise,
            "e": self._edit,
            "d": self._diff,
            "s": self._show,
            "?": self._help,
            "reject": self._reject,
        }

    def run(self) -> RunHandle:
        """Raises KeyboardInterrupt on Ctrl-C, and whatever a failed decision raises; the run is kept all the same."""
        while answerable(self.handle) and (proposal := self.handle.proposal) is not None:
            shown = self.handle
            self._present()
            while self.handle is shown:
                action = self._ask()
                if action is None:
                    return self.handle
                action(proposal)
        return self.handle

    def _present(self) -> None:
        if self._after_work and self.terminal.forget_typed_ahead():
            self.terminal.tell("(What was typed before the proposal was shown has been dropped.)", "dim")
        self.terminal.show(proposal_view(self.handle))

    def _ask(self) -> Callable[[SchemaVersion], None] | None:
        """Return what the person wants done, or None for leaving."""
        self.terminal.tell(MENU, "bold")
        while True:
            try:
                answer = self.terminal.read_line("> ")
            except LineCut:
                answer = "..."
            if answer is None:
                self.terminal.tell("")
                return None
            word = answer.strip().lower()
            if word in ("q", "quit", "exit"):
                return None
            action = self._actions.get(_KEYS.get(word, word))
            if action is not None:
                return action
            if word:
                self.terminal.tell("Type a, r, e, d, s, q or ?, then Enter.")

    def _decide(self, proposal: SchemaVersion, kind: str, **what: object) -> bool:
        """Take the decision to the run; say why it was refused where it was, and return whether it was taken."""
        try:
            self.handle = self.session.decide(self.handle, kind, version=proposal.version, **what)  # type: ignore[arg-type]  # keywords of decide
        except (StaleDecision, NotAwaitingReview, *MODEL_FAILURES) as refusal:
            self.terminal.tell(paragraph(refusal), "yellow")
            self.handle = self.session.client.get(self.handle.id)
            return False
        except (RunNotFound, SchemaInvalid):
            raise
        except InputError as refusal:
            self.terminal.tell(paragraph(refusal), "yellow")
            return False
        self._after_work = True
        return True

    def _approve(self, proposal: SchemaVersion) -> None:
        self._decide(proposal, "approve")

    def _reject(self, proposal: SchemaVersion) -> None:
        self._decide(proposal, "reject")

    def _revise(self, proposal: SchemaVersion) -> None:
        self.terminal.tell("What should change? Several lines are fine; an empty line or Ctrl-D ends your answer.")
        try:
            feedback = self.terminal.read_text()
        except LineCut:
            self.terminal.forget_typed_ahead()
            self.terminal.tell(
                "A line was longer than the terminal can take, and its end was lost; nothing was decided. Write it in "
                f"shorter lines, or in a file: fieldwise decide {self.handle.id} revise @FILE",
                "yellow",
            )
            return
        if not feedback:
            self.terminal.tell("Nothing was said, so nothing was decided.")
            return
        if not self._decide(proposal, "revise", feedback=feedback):
            self.terminal.tell(f"Your words were:\n{feedback}")

    def _edit(self, proposal: SchemaVersion) -> None:
        text = dump_json(proposal.schema)
        draft = self._drafts.pop(proposal.version, None) or Draft(text + "\n", f"schema-v{proposal.version}.json")
        complaint = ""
        while True:
            try:
                edited = draft.edit(complaint=complaint)
                schema = parse_schema(edited)
                if dump_json(schema) == text:
                    draft.discard()
                    self.terminal.tell("Nothing was changed, so nothing was decided.")
                    return
                if self._decide(proposal, "edit", schema=schema):
                    draft.discard()
                    return
                self._keep(draft, proposal)
                return
            except SchemaInvalid as refusal:
                complaint = "\n".join([refusal.message, *_findings(refusal)])
            except InputError as refusal:
                self.terminal.tell(paragraph(refusal), "yellow")
                self._keep(draft, proposal)
                return
            except ValueError as error:
                complaint = f"This cannot be used: {error}."
            self.terminal.tell(complaint, "yellow")
            if not self._wants_to_go_on():
                self._keep(draft, proposal)
                return

    def _wants_to_go_on(self) -> bool:
        while True:
            try:
                answer = self.terminal.read_line("[e]dit again, or [b]ack (your text is kept)? ")
            except LineCut:
                continue
            if answer is None or answer.strip().lower() in ("b", "back", "q", "quit"):
                return False
            if answer.strip().lower() in ("e", "edit"):
                return True

    def _keep(self, draft: Draft, proposal: SchemaVersion) -> None:
        self._drafts[proposal.version] = draft
        self.terminal.tell(f"Your text is kept in {draft.path}")

    def _diff(self, proposal: SchemaVersion) -> None:
        self.terminal.show(difference(self.handle, whole=True))

    def _show(self, proposal: SchemaVersion) -> None:
        self.terminal.show(Text(dump_json(proposal.schema)))

    def _help(self, proposal: SchemaVersion) -> None:
        self.terminal.tell(HELP)


_KEYS = {
    "approve": "a",
    "revise": "r",
    "edit": "e",
    "diff": "d",
    "show": "s",
    "show json": "s",
    "json": "s",
    "help": "?",
    "h": "?",
}


def _findings(refusal: SchemaInvalid) -> list[str]:
    found = refusal.fields.get("findings") or []
    return [f"{f.get('pointer') or '/'}: {f.get('message') or f.get('reason')}" for f in found if isinstance(f, dict)]
