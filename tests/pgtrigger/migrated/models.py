"""Models with migrations: proxies of another app's models can be had in no other way."""

import pgtrigger
from project.models import User


class UserProxy(User):
    """The way to put a rule on a model of another app."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Protect(
                name="no_refused_name",
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__username="refused"),
            )
        ]


class MemberProxy(User.groups.through):
    """A rule on an automatic many-to-many table."""

    class Meta:
        proxy = True
        triggers = [pgtrigger.Protect(name="no_leaving", operation=pgtrigger.Delete)]
