"""ModelAdmins whose forms respect the rules of their model before PostgreSQL refuses a write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages

from pgtrigger.admin.rules import next_states, read_only_fields, soft_deletion

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

    from pgtrigger.triggers.soft_delete import SoftDelete

    ModelAdmin = admin.ModelAdmin[Model]
else:
    ModelAdmin = admin.ModelAdmin


class RuledAdmin(ModelAdmin):
    """A ModelAdmin that shows protected fields as read-only, and offers only reachable states."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return the fields of ``readonly_fields``, and of the rules if the object exists."""
        declared = list(super().get_readonly_fields(request, obj))
        protected = read_only_fields(self.model) if obj is not None else []
        return [*declared, *(name for name in protected if name not in declared)]

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form, with only those choices of a state that may follow the object's."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            for name, field in form.base_fields.items():
                allowed = next_states(self.model, name, getattr(obj, name, None))
                if allowed is not None and hasattr(field, "choices"):
                    field.choices = [choice for choice in field.choices if choice[0] in allowed]
        return form


class SoftDeletedAdmin(RuledAdmin):
    """A RuledAdmin of a model with a SoftDelete rule: a filter, and an action that undeletes."""

    actions = ("undelete",)

    @property
    def rule(self) -> SoftDelete:
        """The model's SoftDelete. Raise LookupError if it has none."""
        rule = soft_deletion(self.model)
        if rule is None:
            raise LookupError(
                f"{self.model._meta.label} has no SoftDelete rule: use RuledAdmin for it."
            )
        return rule

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return ``list_filter``, and the field that marks deleted rows."""
        return [*super().get_list_filter(request), self.rule.field]

    @admin.action(description="Undelete selected %(verbose_name_plural)s", permissions=["change"])
    def undelete(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        """Set the field of the selected deleted rows to its default."""
        name = str(self.rule.field)
        field: Any = self.model._meta.get_field(name)
        deleted = queryset.filter(**{name: self.rule.value})
        number = deleted.update(**{name: field.get_default()})
        self.message_user(request, f"Undeleted {number}.", messages.SUCCESS)
