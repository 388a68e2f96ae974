"""The states of a chapter's models, after a run."""

from django.db.models import Model

from pgtrigger.admin.states import Diagram, diagram, machines
from tutorial.running import ChapterRun
from tutorial.tables import newest_tables


def diagrams(model: type[Model], run: ChapterRun | None = None) -> list[Diagram]:
    """Return a diagram for each FSM of the model; after a run, with the last state and refusals."""
    return [
        diagram(
            rule.transitions or (),
            current=_current(model, str(rule.field), run),
            refused=_refused(str(rule.field), run),
        )
        for rule in machines(model)
    ]


def _current(model: type[Model], field: str, run: ChapterRun | None) -> str | None:
    table = newest_tables(run.frames).get(model) if run else None
    return table.values(field)[-1] if table and table.rows else None


def _refused(field: str, run: ChapterRun | None) -> tuple[str, str] | None:
    for statement in reversed(run.statements if run else []):
        detail = statement.detail
        if detail.get("field") == field and "old" in detail:
            return detail["old"], detail["new"]
    return None
