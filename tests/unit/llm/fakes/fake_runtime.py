"""Runtimes for the model's process that need no weights. What they do is written in the last message, as JSON."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from fieldwise.llm.runtime import READING, WRITING, Answer, Call, ModelFile, NotRunnable, Report


class FakeRuntime:
    """Obeys: {"say", "steps", "pause", "crash", "hang", "spin", "raise", "finish", "file"}."""

    def __init__(self, model: ModelFile) -> None:
        self._model = model
        self.counts_at_once = True
        self.calls = 0

    @property
    def name(self) -> str:
        return "fake"

    def count(self, text: str, report: Report) -> int:
        return len(text.split())

    def generate(self, call: Call, report: Report) -> Answer:
        self.calls += 1
        order: dict[str, Any] = json.loads(call.messages[-1].content)
        if log := order.get("file"):
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"start {order.get('say')}\n")
        if order.get("print"):
            print("native noise on standard output", flush=True)
            os.system("echo noise of a child")  # noqa: S605  # what native libraries do to descriptor 1
        if order.get("crash"):
            os.write(2, b"something native went wrong\n")
            os._exit(order["crash"])
        if order.get("hang"):
            time.sleep(order["hang"])
        if order.get("spin"):
            end = time.process_time() + order["spin"]
            while time.process_time() < end:
                pass
        if order.get("raise"):
            raise RuntimeError(order["raise"])
        steps = order.get("steps", 2)
        for step in range(steps):
            report(READING, step, steps, "tokens")
            time.sleep(order.get("pause", 0.0))
        for step in range(steps):
            report(WRITING, step + 1, steps, "tokens")
            time.sleep(order.get("pause", 0.0))
        if log:
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"end {order.get('say')}\n")
        text = json.dumps({"pid": os.getpid(), "calls": self.calls, **self._model._asdict()}, default=str)
        return Answer(
            text=order.get("say", text),
            finish=order.get("finish", "stop"),
            input_tokens=10,
            cached_tokens=4,
            output_tokens=3,
            constrained=call.json_schema is not None,
            dropped_keywords=("maxLength",) if call.json_schema else (),
        )


class Unable(FakeRuntime):
    """Cannot run the model, and finds out when it loads it."""

    def generate(self, call: Call, report: Report) -> Answer:
        raise NotRunnable("Unable cannot read it.", next_step="Try another.", path="x")
