"""The pages of the documentation that belong to each chapter.

A chapter links to its pages, and `sphinx_links` adds the links back to the pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from tutorial.chapters import Chapter, all_chapters

FOLDER = settings.BASE_DIR / "docs"
# The first page of a chapter is the one to continue with.
PAGES: Mapping[str, Sequence[str]] = {
    "protecting_deletions": ("rules/declaring", "what-a-rule-does-not-stop"),
    "append_only": ("rules/declaring", "topics/errors"),
    "read_only_field": ("how-to/conditional-rule", "rules/messages"),
    "read_only_fields": ("how-to/conditional-rule", "equality"),
    "immutable_rows": ("rules/ready-made", "rules/messages"),
    "related_conditions": ("rules/ready-made",),
    "soft_delete": ("rules/ready-made", "admin"),
    "soft_delete_cascades": ("rules/ready-made",),
    "undelete": ("rules/ready-made", "admin"),
    "active_parents": ("rules/ready-made",),
    "versioning": ("rules/declaring", "topics/limits"),
    "optimistic_locking": ("rules/ready-made", "rules/messages"),
    "touch": ("rules/ready-made",),
    "totals": ("rules/ready-made",),
    "search_vectors": ("rules/ready-made",),
    "official_interface": ("topics/ignoring-rules",),
    "transitions": ("rules/ready-made", "rules/documenting"),
    "conditional_transitions": ("rules/ready-made", "how-to/conditional-rule"),
    "limits": ("rules/ready-made", "topics/limits"),
    "trees": ("rules/ready-made",),
    "tracking_history": ("history/tracking", "topics/timelines"),
    "tracking_users": ("history/tracking", "how-to/context-in-tasks"),
    "revert": ("history/tracking", "topics/timelines"),
    "change_sets": ("history/change-sets",),
    "as_of": ("history/as-of",),
    "backfill": ("history/backfill",),
    "background_context": ("how-to/context-in-tasks",),
    "related_history": ("history/relations", "topics/timelines"),
    "manual_events": ("history/tracking",),
    "masked_fields": ("history/masking",),
    "retention": ("history/retention", "history/growth", "history/partitions"),
    "erasure": ("history/erasure",),
    "deferred_constraints": ("topics/integrity-errors",),
    "deferred_rules": ("rules/declaring", "topics/integrity-errors"),
    "refined_errors": ("topics/integrity-errors",),
    "refined_rules": ("topics/integrity-errors", "topics/errors"),
    "typed_errors": ("topics/errors", "rules/testing"),
    "statement_triggers": ("topics/row-and-statement-level", "performance/choosing"),
    "composer": ("performance/choosing", "topics/row-and-statement-level"),
    "third_party_models": ("how-to/third-party-model",),
    "schemas": ("how-to/schemas-and-databases",),
    "rules_in_migrations": ("how-to/rules-in-migrations", "topics/migrations"),
    "report_mode": ("rules/from-report-to-refuse", "rules/testing"),
    "drift": ("operations/production", "rules/linting"),
}


@dataclass(frozen=True)
class Page:
    """A page by its path in `docs/`, without the suffix."""

    path: str

    @property
    def title(self) -> str:
        """The first heading; the path if the documentation is not here, as in the image."""
        file = FOLDER / f"{self.path}.md"
        if not file.exists():
            return self.path
        heading = file.read_text(encoding="utf-8").partition("\n")[0]
        return heading.removeprefix("# ").replace("`", "")

    @property
    def html(self) -> str:
        """The name of the page as it is built."""
        return f"{self.path}.html"


def pages(chapter: Chapter) -> list[Page]:
    """Return the pages that belong to the chapter."""
    return [Page(path) for path in PAGES[chapter.module_name]]


def chapters_of(path: str) -> list[Chapter]:
    """Return the chapters that link to the page, in the order of the tutorial."""
    return [chapter for chapter in all_chapters() if path in PAGES[chapter.module_name]]
