from django.contrib import admin
from django.urls import path

from integrity.admin import RefusedWritesMixin

from .models import Bill, BillLine, Member, Prompt, Team

site = admin.AdminSite()


class MemberInline(admin.TabularInline):
    model = Member
    fk_name = "team"
    fields = ["email", "phone", "nick", "code"]
    extra = 2


@admin.action(description="Greet, then rename")
def greet(modeladmin, request, queryset):
    modeladmin.message_user(request, "Greeted.")
    queryset.update(motto="hello")


@admin.action(description="Use a wrong statement")
def blunder(modeladmin, request, queryset):
    queryset.extra(where=["no_such_column"]).update(motto="x")


@admin.register(Team, site=site)
class TeamAdmin(RefusedWritesMixin, admin.ModelAdmin):
    inlines = [MemberInline]
    list_display = ["id", "name", "motto"]
    list_editable = ["name", "motto"]
    actions = [greet, blunder]


@admin.register(Prompt, site=site)
class PromptAdmin(RefusedWritesMixin, admin.ModelAdmin):
    """Its forms are not made by super().get_form."""

    def get_form(self, request, obj=None, change=False, **kwargs):
        return admin.ModelAdmin.get_form(self, request, obj, change, **kwargs)


class BillLineInline(admin.TabularInline):
    model = BillLine
    extra = 2


@admin.register(Bill, site=site)
class BillAdmin(RefusedWritesMixin, admin.ModelAdmin):
    inlines = [BillLineInline]


@admin.register(BillLine, site=site)
class BillLineAdmin(RefusedWritesMixin, admin.ModelAdmin):
    list_display = ["id", "amount"]
    list_editable = ["amount"]


urlpatterns = [path("admin/", site.urls)]
