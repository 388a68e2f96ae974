"""Drift, found and mended

A rule in the database can be changed in the database. Somebody replaces a function at a prompt,
at night, to get something done, and forgets to put it back. From then on the declaration says one
thing and Postgres does another.

When a trigger is installed, a comment on it keeps two fingerprints: of what was declared, and of
how the catalog showed it right then. If either no longer fits, the status is `OUTDATED` in
`manage.py pgtrigger ls`, in `manage.py check --database default`, in the admin and on the [map of
all triggers](/triggers/).

`pgtrigger.install()` mends it. It replaces what differs, the function alone if it is that, and
touches nothing else.
"""

from tutorial.models import CannotDelete


def run():
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
