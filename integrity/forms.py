"""A write that PostgreSQL refused, as the error of the form that wrote it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Model
from django.forms import BaseForm, BaseModelForm

from .refusals import Refused, refusable


@contextmanager
def refusals(form: BaseForm, *, using: str | None = None) -> Iterator[None]:
    """Save a valid form; what the database refuses becomes an error of the form.

        if form.is_valid():
            with refusals(form):
                form.save()
        if form.errors:
            return render(request, "book.html", {"form": form})

    The error is on the field, where it is about one that the form shows. The write is rolled back,
    and the instance of a model form is new again if it was.
    """
    instance = _instance(form)
    was_new = instance is not None and instance._state.adding
    try:
        with refusable(using=using or _database(instance)):
            yield
    except Refused as refused:
        if instance is not None and was_new:
            instance._state.adding = True
            instance.pk = None
        add_to(form, refused)


def add_to(form: BaseForm, refused: Refused) -> None:
    """Make a refusal an error of the form: of its field, else of the form."""
    instance = _instance(form)
    is_shown = refused.field in form.fields and (
        instance is None or refused.is_about(type(instance))
    )
    form.add_error(
        refused.field if is_shown else None,
        ValidationError(refused.message if is_shown else str(refused), code=refused.code),
    )


def _instance(form: BaseForm) -> Model | None:
    return form.instance if isinstance(form, BaseModelForm) else None


def _database(instance: Model | None) -> str:
    return DEFAULT_DB_ALIAS if instance is None else router.db_for_write(type(instance))
