"""Models: messages (and a JSON Schema) in, text out. One leaf file a backend, imported lazily by the registry."""

from __future__ import annotations

from .patience import Patience, PatientModel
from .protocol import Finish, Message, Model, ModelReply, ModelRequest, Role

__all__ = ["Finish", "Message", "Model", "ModelReply", "ModelRequest", "Patience", "PatientModel", "Role"]
