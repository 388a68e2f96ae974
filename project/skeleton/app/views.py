"""The pages of this app."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from shop.models import Item


def index(request: HttpRequest) -> HttpResponse:
    """Show the items that are published."""
    items = Item.objects.filter(status=Item.Status.PUBLISHED)
    return render(request, "shop/index.html", {"items": items})
