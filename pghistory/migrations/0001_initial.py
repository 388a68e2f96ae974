import uuid

from django.db import migrations, models

import pghistory.utils
from pghistory import legacy


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Context",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("metadata", pghistory.utils.JSONField(default=dict)),
            ],
        ),
        migrations.RunPython(legacy.install_in_migration, legacy.remove_in_migration),
    ]
