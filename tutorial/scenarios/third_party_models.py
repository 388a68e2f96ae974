"""Rules on models of other apps

Somebody deleted the group "Administrators" in the admin, and nobody could log in to repair it. The
model is `django.contrib.auth.models.Group`: you cannot write a rule into its `Meta`.

A signal handler for `pre_delete` is called by the admin and not by SQL. A copy of the model in your
own app is a copy that has to be maintained.

A *proxy model* is a class of yours for the table of another app. Its `triggers` are installed on
that table, and `makemigrations` writes the migration in your app, where an upgrade of the other app
does not touch it. The rule applies to every client of the table, also to code that does not know
the proxy.

To track such a model, put `@pghistory.track(...)` on the proxy.

## What it does not stop

- Changes of the other app's model: if an upgrade removes the column of your condition, write a new
  migration before you upgrade.
- `pgtrigger.register(...)` on the model itself, which writes the migration into the other app.
"""

from tutorial.models import Role


def run():
    import pgtrigger
    from django.contrib.auth.models import Group

    Group.objects.create(name='Administrators')
    Group.objects.create(name='Editors')

    # Through the other app's own model
    try:
        Group.objects.get(name='Administrators').delete()
    except pgtrigger.ProtectedError as error:
        print(error.trigger, 'refuses the', error.operation, 'of', error.model.__name__)

    # The others are not affected
    Group.objects.filter(name='Editors').delete()
    print(list(Role.objects.values_list('name', flat=True)))
