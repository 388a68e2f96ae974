"""The pages for statuses 400, 403, 404 and 500.

Django's own views render the templates with the request, and read its form and its session. A form
or a cookie that cannot be read would turn the answer into a server error. These pages are the same
for every request.
https://docs.djangoproject.com/en/stable/topics/http/views/#customizing-error-views
"""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the page for a request that cannot be understood."""
    return _page(400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the page for something that this user may not do."""
    return _page(403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the page for an address that does not exist."""
    return _page(404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the page for an error that was logged."""
    return _page(500)


def _page(status: int) -> HttpResponse:
    return HttpResponse(render_to_string(f"{status}.html"), status=status)
