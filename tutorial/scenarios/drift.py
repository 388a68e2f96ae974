"""Detect changed or disabled triggers

Somebody replaced a trigger's function in production to repair data at night, and did not restore
it. The declaration is unchanged, and the rule has no effect.

Migrations only know what was migrated. Tests run on a new database. Neither looks at production.

When a trigger is installed, a comment on it stores two fingerprints: of the declaration, and of the
function and trigger as PostgreSQL stores them. If one of them differs, the status is `OUTDATED` in
`manage.py pgtrigger ls`, in `manage.py check --database default`, in the admin, and on the [page of
all triggers](/triggers/).

`pgtrigger.install()` repairs it. It replaces only what differs, here the function.

## What it does not stop

- It detects, and does not prevent: the owner of a table can always change its triggers. Run
  `manage.py pgtrigger check` after each deployment.
- Changes that were made and undone between two checks.
"""

from tutorial.models import CannotDelete


def run() -> None:
    import pgtrigger
    from django.db import connection

    uri = 'tutorial.CannotDelete:protect_deletes'
    model, trigger = pgtrigger.registered(uri)[0]
    print('as installed:', trigger.get_installation_status(model)[0])

    # Somebody makes the function let everything pass
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT tgfoid::regproc::text FROM pg_trigger'
            ' WHERE tgrelid = %s::regclass AND tgname = %s',
            [model._meta.db_table, trigger.get_pgid(model)],
        )
        function = cursor.fetchone()[0]
        cursor.execute(f'''
            CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
            LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'
        ''')
    CannotDelete.objects.create().delete()
    print('changed by hand:', trigger.get_installation_status(model)[0], 'and a deletion passes')

    # Installing it again mends it
    pgtrigger.install(uri)
    print('installed again:', trigger.get_installation_status(model)[0])
    try:
        CannotDelete.objects.create().delete()
    except pgtrigger.ProtectedError:
        print('Cannot delete!')
