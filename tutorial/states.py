"""The states of a chapter's models, as a play left them."""

from django.db.models import Model

from pgtrigger.admin.states import Diagram, diagram, machines
from tutorial.playback import Play
from tutorial.tables import newest_tables


def diagrams(model: type[Model], play: Play | None = None) -> list[Diagram]:
    """One for each FSM on the model; after a play, where it ended and what it was refused."""
    return [
        diagram(
            rule.transitions,
            current=_current(model, rule.field, play),
            refused=_refused(rule.field, play),
        )
        for rule in machines(model)
    ]


def _current(model: type[Model], field: str, play: Play | None) -> str | None:
    table = newest_tables(play.frames).get(model) if play else None
    return table.values(field)[-1] if table and table.rows else None


def _refused(field: str, play: Play | None) -> tuple[str, str] | None:
    for statement in reversed(play.statements if play else []):
        detail = statement.detail
        if detail.get("field") == field and "old" in detail:
            return detail["old"], detail["new"]
    return None
