"""``AsOfMixin``: the list and the pages of a ModelAdmin at a point in time, by ``?as_of=``.

Only what the page reads through its querysets is of that time: the rows of its model, of its
inlines, and what they refer to. Sessions, users and permissions are never read in the past, because
no scope is open while a page is checked or rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, router
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from pghistory.admin import presenting, urls
from pghistory.past.following import Following
from pghistory.past.querysets import PastQuerySet
from pghistory.past.state import PastError
from pghistory.reading import history

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = object

PARAMETER = "as_of"
_TIME = "_pghistory_as_of"


class AsOfMixin(ModelAdmin):
    """Shows a tracked model as it was, read only::

        @admin.register(Order)
        class OrderAdmin(AsOfMixin, admin.ModelAdmin): ...

    A user needs the permission to view Events too. ``get_queryset()`` of a subclass must call
    ``super()``.
    """

    class Media:
        css = {"all": ["pghistory/as_of.css"]}

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request)
        return _in_the_past(found, _time(request))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return self._as_of(request, super().changelist_view, extra_context=extra_context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return self._as_of(
            request, super().change_view, object_id, form_url, extra_context=extra_context
        )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None and _time(request) is not None:
            self._check_today(request, found)
        return found

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _time(request) is None and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _time(request) is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _time(request) is None and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Offer no action on the past. From Django 6.1 there is also the place of the actions."""
        is_past = _time(request) is not None
        return {} if is_past else super().get_actions(request, *args, **kwargs)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        found = super().get_changelist(request, **kwargs)
        return found if _time(request) is None else type("PastChangeList", (_InThePast, found), {})

    def get_inline_instances(self, request: HttpRequest, obj: Any = None) -> Any:
        time = _time(request)
        found = super().get_inline_instances(request, obj)
        if time is None:
            return found
        shown = [
            inline
            for inline in found
            if inline.has_view_or_change_permission(request, obj) and not _reason(inline.model)
        ]
        for inline in shown:
            _read_only(inline, time)
        return shown

    def _as_of(
        self, request: HttpRequest, view: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        may_see = urls.may_view_events(self.model, request.user)
        is_told = not _reason(self.model)
        extra: dict[str, Any] = {"pgh_as_of_parameter": PARAMETER if may_see and is_told else ""}
        given = request.GET.get(PARAMETER, "")
        if given:
            if is_told and not may_see:
                raise PermissionDenied
            reason = _reason(self.model)
            time = _parsed(given)
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD"])
            if reason or time is None:
                reason = reason or _("%s is not a time.") % given.replace("\0", "")
                return self._as_it_is(request, reason)
            setattr(request, _TIME, time)
            extra["pgh_as_of"] = time
            extra["subtitle"] = _("As of %s, read only") % presenting.time_text(time)
        kwargs["extra_context"] = {**extra, **(kwargs["extra_context"] or {})}
        if not given:
            return view(request, *args, **kwargs)
        try:
            response = view(request, *args, **kwargs)
            if hasattr(response, "render"):
                response.render()
        except (PastError, DatabaseError) as error:
            if isinstance(error, DatabaseError) and not _is_about_the_past(error):
                raise
            return self._as_it_is(request, str(error).partition("\n")[0])
        return response

    def _as_it_is(self, request: HttpRequest, reason: str) -> HttpResponse:
        """Say why the past cannot be shown, on the same page as it is today."""
        self.message_user(request, reason, messages.ERROR)
        rest = request.GET.copy()
        rest.pop(PARAMETER, None)
        return HttpResponseRedirect(f"{request.path}?{rest.urlencode()}" if rest else request.path)

    def _check_today(self, request: HttpRequest, past: Any) -> None:
        """Ask for the permission to view the object as it is, if it still exists."""
        live = self.model._base_manager.filter(pk=past.pk).first()
        if live is not None and not self.has_view_or_change_permission(request, live):
            raise PermissionDenied


class _InThePast:
    """A list whose links keep the time."""

    queryset: Any

    def get_filters_params(self, params: Any = None) -> Any:
        found = super().get_filters_params(params)  # type: ignore[misc]
        return {name: value for name, value in found.items() if name != PARAMETER}

    def url_for_result(self, result: Any) -> str:
        address = super().url_for_result(result)  # type: ignore[misc]
        separator = "&" if "?" in address else "?"
        time = self.params[PARAMETER]  # type: ignore[attr-defined]
        return f"{address}{separator}{urlencode({PARAMETER: time})}"

    def get_queryset(self, *args: Any, **kwargs: Any) -> Any:
        found = super().get_queryset(*args, **kwargs)  # type: ignore[misc]
        if not isinstance(found, PastQuerySet):
            raise PastError(
                f"get_queryset() of {type(self.model_admin).__name__} does not call super(), so "  # type: ignore[attr-defined]
                "that the list would show today's rows."
            )
        return found


def _time(request: HttpRequest) -> datetime | None:
    return getattr(request, _TIME, None)


def _parsed(text: str) -> datetime | None:
    """Parse a time in ISO 8601; without a time zone, it is in the current one."""
    if "T" in text:
        text = text.replace(" ", "+")  # in an address that was not quoted
    try:
        found = parse_datetime(text)
        if found is None:
            return None
        aware = timezone.make_aware(found) if timezone.is_naive(found) else found
        timezone.localtime(
            aware
        )  # The first and the last hours of the calendar have no local time.
    except (ValueError, OverflowError):
        return None
    return aware


def _reason(model: Any) -> str:
    """Return why the model's past rows are unknown; empty if they are known."""
    try:
        history.witness(model)
    except ValueError as error:
        return str(error)
    return ""


def _in_the_past(found: Any, time: datetime | None) -> Any:
    if time is None:
        return found
    alias = found._db or router.db_for_read(found.model)
    return Following(time, using=alias).queryset(found)


def _read_only(inline: Any, time: datetime) -> None:
    original = inline.get_queryset
    inline.get_queryset = lambda request: _in_the_past(original(request), time)
    for name in ("add", "change", "delete"):
        setattr(inline, f"has_{name}_permission", lambda *args, **kwargs: False)
    inline.has_view_permission = lambda *args, **kwargs: True  # it was asked for before
    inline.max_num = 0


def _is_about_the_past(error: DatabaseError) -> bool:
    """Return whether a view of the past raised it: see ``pghistory.past.views``."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state in ("PGH01", "PGH02")
