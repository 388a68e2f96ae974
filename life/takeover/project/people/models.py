"""Models of another app, followed through proxies."""

from django.contrib.auth.models import User

import pghistory
import pgtrigger


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), fields=["username", "email"])
class Person(User):
    class Meta:
        proxy = True
        triggers = [pgtrigger.Protect(name="keep_people", operation=pgtrigger.Delete)]


@pghistory.track(
    pghistory.InsertEvent("group.added"),
    pghistory.DeleteEvent("group.removed"),
    obj_field=None,
)
class Membership(User.groups.through):
    class Meta:
        proxy = True
