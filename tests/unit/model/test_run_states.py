"""Which state of a run may follow which."""

from __future__ import annotations

import pytest

from fieldwise.model import FINAL, WORKING, RunStatus, may_become, may_come_from

S = RunStatus

# Spelled out once more, by hand: the table in the code is checked against what was meant.
MEANT = {
    S.QUEUED: {S.PARSING, S.FAILED, S.CANCELLED},
    S.PARSING: {S.PARSING, S.PROPOSING, S.AWAITING_REVIEW, S.FAILED, S.CANCELLED},
    S.PROPOSING: {S.PROPOSING, S.PARSING, S.AWAITING_REVIEW, S.EXTRACTING, S.FAILED, S.CANCELLED},
    S.AWAITING_REVIEW: {S.PROPOSING, S.EXTRACTING, S.AWAITING_REVIEW, S.REJECTED, S.CANCELLED},
    S.EXTRACTING: {S.EXTRACTING, S.COMPLETED, S.PARSING, S.FAILED, S.CANCELLED},
    S.FAILED: {S.PARSING, S.PROPOSING, S.EXTRACTING, S.REJECTED, S.CANCELLED},
    S.COMPLETED: set(),
    S.REJECTED: set(),
    S.CANCELLED: set(),
}


@pytest.mark.parametrize("current", list(RunStatus))
@pytest.mark.parametrize("target", list(RunStatus))
def test_a_state_follows_only_where_that_was_meant(current: RunStatus, target: RunStatus) -> None:
    assert may_become(current, target) is (target in MEANT[current])
    assert (current in may_come_from(target)) is may_become(current, target)


def test_what_is_over_stays_over() -> None:
    for status in FINAL:
        assert not any(may_become(status, target) for target in RunStatus)


def test_every_state_is_at_work_at_rest_or_over() -> None:
    assert set(RunStatus) == WORKING | FINAL | {S.AWAITING_REVIEW, S.FAILED}
    assert not WORKING & FINAL


def test_whatever_works_can_fail_and_be_cancelled() -> None:
    for status in WORKING:
        assert may_become(status, S.FAILED)
        assert may_become(status, S.CANCELLED)


def test_an_extraction_needs_a_review_or_a_schema_that_came_with_its_approval() -> None:
    assert may_come_from(S.COMPLETED) == {S.EXTRACTING}
    assert S.PARSING not in may_come_from(S.EXTRACTING)
    assert S.QUEUED not in may_come_from(S.EXTRACTING)
