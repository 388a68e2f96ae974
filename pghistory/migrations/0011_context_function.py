from django.db import migrations

from pghistory import legacy


class Migration(migrations.Migration):
    """Replace the function of the PyPI package's triggers: it waits for other transactions."""

    dependencies = [("pghistory", "0010_context_database_role")]

    operations = [
        migrations.RunPython(legacy.install_in_migration, migrations.RunPython.noop, elidable=True)
    ]
