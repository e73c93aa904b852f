"""The store: runs, schema versions, decisions, documents, agents and the journal, in one database.

database.py    opening, versions, transactions, failures
runs.py        runs and the gate; leases
documents.py   parsed documents by content hash
agents.py      approved schemas, reusable
journal.py     what happened, in order
owner.py       whether the process that holds a run is alive
"""

from __future__ import annotations

from . import agents, documents, journal, owner, runs
from .database import Database
from .runs import Claimed, Lease

__all__ = ["Claimed", "Database", "Lease", "agents", "documents", "journal", "owner", "runs"]
