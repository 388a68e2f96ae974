"""A tracked model in the admin."""

from django.contrib import admin

from tests.pghistory.models import Book

admin.site.register(Book, admin.ModelAdmin)
