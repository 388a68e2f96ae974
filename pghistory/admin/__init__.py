"""History in Django's admin: all events, an object's timeline, and the way back.

``pghistory`` above ``django.contrib.admin`` in INSTALLED_APPS is enough. ``pghistory.admin`` may be
named there as well, or in its place above. Below it, there is the page of events, but the pages of
tracked models have no Events button.

https://docs.djangoproject.com/en/stable/ref/contrib/admin/
"""

from pghistory.admin.as_of import AsOfMixin
from pghistory.admin.options import EventModelAdmin, ReadOnlyAdmin
from pghistory.admin.pages import EventsAdmin, events_url
from pghistory.admin.restoring_pages import deleted_url
from pghistory.admin.timeline_pages import timeline_url

__all__ = [
    "AsOfMixin",
    "EventModelAdmin",
    "EventsAdmin",
    "ReadOnlyAdmin",
    "deleted_url",
    "events_url",
    "timeline_url",
]
