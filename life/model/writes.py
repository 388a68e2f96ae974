"""Each kind of write, as the model sees it and in the ways in which a program can send it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from life.model.item_writes import ItemWrites
from life.model.note_writes import NoteWrites

if TYPE_CHECKING:
    from life.model.expected import Expected
    from life.model.written import Write


class Writes(ItemWrites, NoteWrites):
    """Random writes on the tables of one level."""

    def any(self, state: Expected, *, in_transaction: bool, everything_ignored: bool) -> Write:
        """Return a write that can be sent in this state."""
        kinds = {
            self.insert_items: 5,
            self.update_items: 8,
            self.save_item: 4,
            self.hold_item: 2,
            self.save_held: 2,
            self.delete_items: 4,
            self.upsert_items: 4,
            self.merge_items: 3 if connection.pg_version >= 150000 else 0,
            self.truncate_items: 0 if in_transaction else 0.3,
            self.delete_team: 0 if everything_ignored else 2,
            self.restore_team: 2,
            self.insert_notes: 3,
            self.update_notes: 3,
            self.turn_keys: 1,
            self.delete_notes: 2,
            self.write_notes_twice: 1,
            self.merge_notes: 2 if connection.pg_version >= 150000 else 0,
            self.truncate_notes: 0.3,
        }
        [kind] = self.chance.choices(list(kinds), list(kinds.values()))
        return kind(state)
