"""Several schemas and databases (multi-tenancy)

Each customer of a service has a schema with the same tables. A new schema is made by copying the
tables with `CREATE TABLE ... (LIKE ... INCLUDING ALL)`. That copies columns, defaults, checks and
indexes. It does not copy triggers: the new customer's tickets have no rule.

A check in `delete()` would hold in all schemas, but only for code that calls it.

A rule belongs to a table, so it must be installed on the table of each schema.
`with pgtrigger.schema('north'):` puts a schema in the `search_path` of all queries in the block,
and `pgtrigger.install()` inside it installs what is missing there.
`manage.py pgtrigger install --schema north` does the same, and `pgtrigger ls --schema north` shows
what is installed. Run both when a schema is made, and after each deployment.

For several *databases* no block is needed: `migrate --database reports` installs the rules of the
models that your router allows there, and each `pgtrigger` command takes `--database reports`.
Inside `pgtrigger.schema('north', databases=['reports'])` only that database is affected.

## What it does not stop

- A schema that nobody installed: `pgtrigger check --schema` in your monitoring reports it.
- Rules whose function names another table: it names the schema in which it was installed.
"""

from tutorial.models import Ticket


def run() -> None:
    import secrets

    import pgtrigger
    from django.db import connection

    model, rule = pgtrigger.registered('tutorial.Ticket:keep_closed')[0]
    # A random name, because two visitors can run this at the same time
    north = f'north_{secrets.token_hex(4)}'
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA {north}')
        cursor.execute(f'CREATE TABLE {north}.tutorial_ticket (LIKE tutorial_ticket INCLUDING ALL)')

    # The copy has no rule, so a closed ticket is deleted
    with pgtrigger.schema(north):
        print('copied:', rule.get_installation_status(model)[0])
        Ticket.objects.create(subject='No heating', is_closed=True).delete()
        print(Ticket.objects.count(), 'tickets')

    # Install what is missing in this schema
    with pgtrigger.schema(north):
        pgtrigger.install()
        print('installed:', rule.get_installation_status(model)[0])
        try:
            Ticket.objects.create(subject='No water', is_closed=True).delete()
        except pgtrigger.ProtectedError as error:
            print(error.trigger, 'refuses the', error.operation)
        print(Ticket.objects.count(), 'ticket in this schema')

    print(Ticket.objects.count(), 'in the usual one')
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA {north} CASCADE')
