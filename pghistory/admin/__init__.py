"""History in Django's admin: all events, an object's timeline, and the way back.

``pghistory`` above ``django.contrib.admin`` in INSTALLED_APPS is enough. ``pghistory.admin`` may be
named there as well, or in its place above.

https://docs.djangoproject.com/en/stable/ref/contrib/admin/
"""

from pghistory.admin.options import EventModelAdmin, ReadOnlyAdmin
from pghistory.admin.pages import EventsAdmin
from pghistory.admin.urls import timeline_url

__all__ = ["EventModelAdmin", "EventsAdmin", "ReadOnlyAdmin", "timeline_url"]
