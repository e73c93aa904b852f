"""What the processes do that `acceptance/test_kill.py` kills, and those that take their runs up again."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path

import fieldwise as fw
from fieldwise.errors import FieldwiseError, ReviewError, RunError
from fieldwise.model import Progress, RunStatus
from fieldwise.registry import register
from harness import TextParser, scripted

STAGE_SECONDS = 0.3
FEEDBACK = "drop year"


def client_of(store: str, *, slow: bool) -> fw.Fieldwise:
    """A client whose backends come in by the door that plugins use."""
    delay = STAGE_SECONDS if slow else 0.0
    register("parser", "slow", lambda order: TextParser(delay_seconds=delay))
    register("model", "scripted", lambda order: scripted(delay_seconds=delay))
    return fw.Fieldwise(store=store, parser="slow", model="scripted")


def die_in(stage: str, store: str, document: str, prompt: str, tell: Connection) -> None:
    """Work towards `stage`, say when it begins, and go on as if nothing could happen."""
    client = client_of(store, slow=True)

    def listen(progress: Progress) -> None:
        if progress.stage == {"revise": "propose"}.get(stage, stage):
            _say(tell)

    run = client.start(document, prompt, on_event=listen if stage in ("parse", "propose") else None)
    if stage == "wait":
        _say(tell)
    if stage == "revise":
        run.revise(FEEDBACK, on_event=listen)
    if stage == "extract":
        run.approve(on_event=listen)
    time.sleep(60)


def _say(tell: Connection) -> None:
    if not tell.closed:
        tell.send("began")
        tell.close()


def take_up(store: str, expected: int) -> None:
    """Bring every run to its end: go on with what was interrupted, approve what waits."""
    with client_of(store, slow=False) as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            runs = client.runs(limit=1_000)
            if len(runs) == expected and all(run.status is RunStatus.COMPLETED for run in runs):
                return
            for run in runs:
                try:
                    if run.status is RunStatus.AWAITING_REVIEW:
                        client.get(run.id).approve()
                    elif run.interrupted:
                        client.resume(run.id)
                except (ReviewError, RunError):
                    # Another process was quicker.
                    continue
        raise FieldwiseError(f"not all runs of {Path(store).name} could be completed")
