"""Rules in Django's admin: forms that respect them, and a page of all triggers.

``pgtrigger`` in INSTALLED_APPS is enough for the page. For the forms of a model with rules::

    @admin.register(Order)
    class OrderAdmin(RefusedWritesMixin, RuledAdmin):  # the mixin is in integrity.admin
        ...

https://docs.djangoproject.com/en/stable/ref/contrib/admin/
"""

from django.contrib import admin

from pgtrigger.admin.options import RuledAdmin, RuledInlineMixin, SoftDeletedAdmin
from pgtrigger.admin.pages import TriggerAdmin
from pgtrigger.models import PgTrigger

__all__ = ["RuledAdmin", "RuledInlineMixin", "SoftDeletedAdmin", "TriggerAdmin"]

admin.site.register(PgTrigger, TriggerAdmin)
