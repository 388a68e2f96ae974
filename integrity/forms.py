"""Show a write that PostgreSQL refused as an error of its form."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Model
from django.forms import BaseForm, BaseFormSet, BaseModelForm
from django.forms.formsets import DELETION_FIELD_NAME

from .refusals import Refused, refusable

if TYPE_CHECKING:
    FormSet = BaseFormSet[BaseForm]
else:
    FormSet = BaseFormSet


@contextmanager
def refusals(form: BaseForm | FormSet, *, using: str | None = None) -> Iterator[None]:
    """Save a valid form; what the database refuses becomes an error of the form.

        if form.is_valid():
            with refusals(form):
                form.save()
        if form.errors:
            return render(request, "book.html", {"form": form})

    A formset is saved in the same way: the error is on the form whose row was refused, if the
    database says which one it was, or else on the formset.

    The error is on its field if the form shows that field, else on the form. The write is rolled
    back. The instance of a model form is unsaved again if the form would have created it.
    """
    forms = form.forms if isinstance(form, BaseFormSet) else [form]
    instances = [instance for each in forms if (instance := _instance(each)) is not None]
    new = [instance for instance in instances if instance._state.adding]
    try:
        with refusable(using=using or _database(next(iter(instances), None))):
            yield
    except Refused as refused:
        for instance in new:
            instance._state.adding = True
            instance.pk = None
        if isinstance(form, BaseFormSet):
            add_to_formset(form, refused)
        else:
            add_to(form, refused)


def add_to(form: BaseForm, refused: Refused) -> None:
    """Make a refusal an error of the form: of its fields, else of the form."""
    instance = _instance(form)
    is_about_it = instance is None or refused.is_about(type(instance))
    shown = [name for name in refused.fields if is_about_it and name in form.fields]
    for name in shown:
        form.add_error(name, ValidationError(refused.message, code=refused.code))
    if not shown:
        form.add_error(None, ValidationError(str(refused), code=refused.code))


def add_to_formset(formset: FormSet, refused: Refused) -> None:
    """Make a refusal an error of the form whose row was refused, else of the formset."""
    form = form_of_refused_row(formset, refused)
    if form is not None:
        add_to(form, refused)
    else:
        errors = formset.non_form_errors()
        errors.extend([ValidationError(str(refused), code=refused.code)])


def form_of_refused_row(formset: FormSet, refused: Refused) -> BaseForm | None:
    """Return the form of the row with the refused key, or else the only form that was changed.

    A form that is to be deleted does not show its errors.
    """
    changed = [form for form in formset.forms if form.has_changed()]
    of_row = [form for form in changed if _is_of_row(form, refused)]
    candidates = of_row or changed
    if len(candidates) != 1:
        return None
    form = candidates[0]
    return None if getattr(form, "cleaned_data", {}).get(DELETION_FIELD_NAME) else form


def _is_of_row(form: BaseForm, refused: Refused) -> bool:
    instance = _instance(form)
    if instance is None or not refused.key or not refused.is_about(type(instance)):
        return False
    return all(
        str(getattr(instance, name, None)) == str(value) for name, value in refused.key.items()
    )


def _instance(form: BaseForm) -> Model | None:
    return form.instance if isinstance(form, BaseModelForm) else None


def _database(instance: Model | None) -> str:
    return DEFAULT_DB_ALIAS if instance is None else router.db_for_write(type(instance))
