"""Constants of declarations."""

from __future__ import annotations

import enum

from pgtrigger.vocabulary.columns import NEW, OLD

Old = OLD
New = NEW


class Default(enum.Enum):
    """The type of ``DEFAULT``: an argument that was not given, where None means something."""

    DEFAULT = "DEFAULT"

    def __repr__(self) -> str:
        return "pghistory.DEFAULT"


DEFAULT = Default.DEFAULT

# The settings, local to a transaction, by which Python and triggers speak: the first two are
# documented, and any trigger may read them.
CONTEXT_ID = "pghistory.context_id"
CONTEXT_METADATA = "pghistory.context_metadata"
CONTEXT_WRITTEN = "pghistory.context_written"
