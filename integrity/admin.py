"""Writes that PostgreSQL refuses, as messages in Django's admin.

https://docs.djangoproject.com/en/stable/ref/contrib/admin/#modeladmin-methods
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import Model
from django.forms import BaseForm, BaseFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from .forms import add_to, form_of_refused_row
from .refusals import Refused, refusable

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Model]
    FormSet = BaseFormSet[BaseForm]
else:
    ModelAdmin = admin.ModelAdmin
    FormSet = BaseFormSet

View = Callable[[], HttpResponse]

# The refusal to report while the view runs a second time.
_refused: ContextVar[Refused | None] = ContextVar("integrity_refused", default=None)


class RefusedWritesMixin(ModelAdmin):
    """A ModelAdmin that shows which rule refused a write, instead of an error page.

        class BookAdmin(RefusedWritesMixin, admin.ModelAdmin):
            ...

    A refused add, change or list_editable is shown as it was filled in, with the refusal as an
    error of the form; a refused deletion or action leads back to where it was, with a message. A
    request writes all or nothing, its actions too, and what COMMIT would refuse is refused with it.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        view = super().changeform_view
        return self._answer(
            request,
            lambda: view(request, object_id, form_url, extra_context),
            self._show_form_again,
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        view = super().delete_view
        return self._answer(
            request, lambda: view(request, object_id, extra_context), self._lead_back
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        view = super().changelist_view
        is_list_editable = "_save" in request.POST
        return self._answer(
            request,
            lambda: view(request, extra_context),
            self._show_form_again if is_list_editable else self._lead_back,
        )

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        refused = _refused.get()
        if refused is None or self._is_about_an_inline(refused, request, obj):
            return form
        return type(form.__name__, (_RefusedForm, form), {})

    def get_formsets_with_inlines(
        self, request: HttpRequest, obj: Model | None = None
    ) -> Iterator[Any]:
        refused = _refused.get()
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            if refused is not None and refused.is_about(inline.model):
                yield type(formset.__name__, (_RefusedFormSet, formset), {}), inline
            else:
                yield formset, inline

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        formset = super().get_changelist_formset(request, **kwargs)
        if _refused.get() is None:
            return formset
        return type(formset.__name__, (_RefusedFormSet, formset), {})

    def _answer(
        self,
        request: HttpRequest,
        view: View,
        answer_refused: Callable[[HttpRequest, View, Refused], HttpResponse],
    ) -> HttpResponse:
        if request.method != "POST":
            return view()
        said = len(_queue(request))
        try:
            with refusable(using=router.db_for_write(self.model)):
                return view()
        except Refused as refused:
            del _queue(request)[said:]  # a message of success, but the write was rolled back
            return answer_refused(request, view, refused)

    def _show_form_again(self, request: HttpRequest, view: View, refused: Refused) -> HttpResponse:
        """Run the view again: this time the form is not valid, because the refusal is known."""
        token = _refused.set(refused)
        try:
            with refusable(using=router.db_for_write(self.model)):
                return view()
        except Refused:  # a form that get_form() did not create cannot show it
            return self._lead_back(request, view, refused)
        finally:
            _refused.reset(token)

    def _lead_back(self, request: HttpRequest, view: View, refused: Refused) -> HttpResponse:
        self.message_user(request, str(refused), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def _is_about_an_inline(
        self, refused: Refused, request: HttpRequest, obj: Model | None
    ) -> bool:
        return not refused.is_about(self.model) and any(
            refused.is_about(inline.model) for inline in self.get_inline_instances(request, obj)
        )


class _RefusedForm(BaseForm):
    def clean(self) -> Any:
        cleaned = super().clean()
        add_to(self, cast("Refused", _refused.get()))
        return cleaned


class _RefusedFormSet(FormSet):
    """A formset that is not valid in the refused row, or as a whole if the row is unknown."""

    def clean(self) -> None:
        super().clean()
        refused = cast("Refused", _refused.get())
        form = form_of_refused_row(self, refused)
        if form is not None:
            add_to(form, refused)
        else:
            raise ValidationError(str(refused), code=refused.code)


def _queue(request: HttpRequest) -> list[Any]:
    """The messages that this request has added so far; Django has no public name for them."""
    queue: list[Any] = getattr(messages.get_messages(request), "_queued_messages", [])
    return queue
