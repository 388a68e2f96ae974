"""``Frozen``: a row that cannot change any more once a condition is true of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from pgtrigger.triggers import registry
from pgtrigger.triggers.declaration import GENERATED
from pgtrigger.triggers.protect import Protect, ReadOnly
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import OLD, columns_of, own_field
from pgtrigger.vocabulary.conditions import AnyChange, of_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model, Q

    from pgtrigger.triggers.rule import RuleOptions
    from pgtrigger.triggers.trigger import Trigger


_INSTEAD = {"condition": "when", "fields": "allow", "exclude": "allow"}


class Frozen(ReadOnly):
    """Refuses to change or delete a row that ``when`` is true of, except the fields of ``allow``.

        pgtrigger.Frozen(when=Q(status="issued"), allow=["note"])

    ``when`` is a condition on the stored row, so the write that makes it true is allowed. Fields
    with ``auto_now``, and those that other triggers of the model set, may change too.
    """

    name = "frozen"
    fixed = GENERATED | {
        "operation": "it refuses UPDATE and DELETE",
        "timing": "a row is refused before it is written",
        "writes": "it sets no field",
    }
    when_true: Q
    allow: Sequence[str] = ()

    def __init__(  # type: ignore[misc]
        self, *, when: Q, allow: Sequence[str] = (), **options: Unpack[RuleOptions]
    ):
        self._validate_row_condition("when", when, 'Q(status="issued")')
        self._validate_field_names("allow", allow)
        given: dict[str, Any] = dict(options)
        for option, instead in _INSTEAD.items():
            if given.get(option) is not None:
                self._reject(f'takes "{instead}" instead of "{option}"')
        self.when_true, self.allow = when, tuple(allow)
        super().__init__(**options | {"condition": of_side(when, OLD)})

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        return [
            Protect(
                name=f"{self.name}_delete",
                operation=clauses.Delete,
                condition=self.condition,
                level=self.level,
                search_path=self.search_path,
                **self._options_of_parts(),
            )
        ]

    def _change(self, model: type[Model]) -> AnyChange:
        written = {
            own_field(model, name).name
            for trigger in registry.of_model(model)
            for name in trigger.writes or ()
        }
        automatic = {each.name for each in columns_of(model) if getattr(each, "auto_now", False)}
        return AnyChange(exclude=[*self.allow, *sorted(written | automatic)])
