from django.db import migrations, models

import pghistory.fields
import pghistory.utils


class Migration(migrations.Migration):
    dependencies = [("pghistory", "0008_aggregateevent")]
    operations = [
        migrations.CreateModel(
            name="Maintenance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("action", models.TextField()),
                ("event_table", models.TextField()),
                ("started_at", models.DateTimeField(db_default=pghistory.fields.ClockTimestamp())),
                ("finished_at", models.DateTimeField(null=True)),
                ("complete_from", models.DateTimeField(null=True)),
                ("details", pghistory.utils.JSONField(default=dict)),
            ],
            options={
                "verbose_name_plural": "maintenance",
                "indexes": [
                    models.Index(fields=["event_table", "action"], name="pghistory_maintenance_of")
                ],
            },
        ),
    ]
