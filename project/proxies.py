"""The address of the client, behind a known number of proxies."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """
    Return the address that the outermost trusted proxy saw, or the address of the connection.

    Each proxy appends the address it sees to X-Forwarded-For, so only the last TRUSTED_PROXIES
    entries can be believed. Without trusted proxies the header is ignored.
    """
    trusted: int = settings.TRUSTED_PROXIES
    addresses = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if trusted and len(addresses) >= trusted and addresses[-trusted]:
        return str(addresses[-trusted])
    return str(request.META.get("REMOTE_ADDR", ""))
