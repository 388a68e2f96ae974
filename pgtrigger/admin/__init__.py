"""Rules in Django's admin: forms that respect them, all triggers, and records of report mode.

``pgtrigger`` in INSTALLED_APPS is enough for the pages. For the forms of a model with rules::

    @admin.register(Order)
    class OrderAdmin(RefusedWritesMixin, RuledAdmin):  # the mixin is in integrity.admin
        ...

https://docs.djangoproject.com/en/stable/ref/contrib/admin/
"""

from django.contrib import admin

from pgtrigger.admin.options import RuledAdmin, RuledInlineMixin, SoftDeletedAdmin
from pgtrigger.admin.pages import TriggerAdmin
from pgtrigger.admin.records import ViolationAdmin
from pgtrigger.models import PgTrigger, Violation

__all__ = [
    "RuledAdmin",
    "RuledInlineMixin",
    "SoftDeletedAdmin",
    "TriggerAdmin",
    "ViolationAdmin",
]

admin.site.register(PgTrigger, TriggerAdmin)
admin.site.register(Violation, ViolationAdmin)
