"""The admin, and views that write."""

from django.contrib import admin
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.pghistory.models import RowLevel


def write(request: HttpRequest) -> HttpResponse:
    if "user" in request.GET:
        from django.contrib.auth import get_user_model

        request.user = get_user_model().objects.get(username=request.GET["user"])
    if "logout" in request.GET:
        logout(request)
    RowLevel.objects.create(number=1)
    return HttpResponse()


async def awrite(request: HttpRequest) -> HttpResponse:
    await RowLevel.objects.acreate(number=1)
    return HttpResponse()


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A project's own page may name addresses that are not here."""
    return HttpResponse(status=404)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("write/", write),
    path("awrite/", awrite),
]
