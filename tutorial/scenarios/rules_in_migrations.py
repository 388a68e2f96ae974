"""Data migrations and rules

A migration corrects the numbers of old passports. It works on the laptop, where the table is empty,
and fails in production: a rule says that a number is final.

The models of `apps.get_model()` have no rules in Python, so it looks as if none applied. But the
table has them, and a migration is a client like any other.

Ignore the rule by its URI, around the statements that need it, and only there. In a migration, a
URI means the rule as it was at that point: the migration still runs on a new database when the rule
has been renamed or removed.

Schema changes are not affected: while a column changes, its triggers are set aside and created
again.

`run()` has what a migration would contain. `apps` is the state that Django passes to it.

## What it does not stop

- Rows from before the rule: adding a rule does not check them. Correct them in a migration first.
- `RunSQL`, which cannot be inside `ignore()`. Use `RunPython` and `schema_editor.execute(...)`.
"""

from tutorial.models import Passport


def run():
    import pgtrigger
    from django.db import IntegrityError
    from django.db.migrations.loader import MigrationLoader

    def correct_numbers(apps):
        Passport = apps.get_model('tutorial', 'Passport')
        Passport.objects.filter(number='').update(number='unknown')

    Passport.objects.create(number='', holder='Ada')
    apps = MigrationLoader(None).project_state().apps

    try:
        correct_numbers(apps)
    except IntegrityError as error:
        print('refused by', error.trigger)

    # What the migration has to say
    with pgtrigger.ignore('tutorial.Passport:number_is_final'):
        correct_numbers(apps)
    print(Passport.objects.values('number', 'holder').get())

    # Afterwards the rule applies again
    try:
        Passport.objects.update(number='C02Y')
    except IntegrityError as error:
        print('refused by', error.trigger)
