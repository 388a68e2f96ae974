from django.db import migrations, models

import pghistory.reading.timelines


class Migration(migrations.Migration):
    dependencies = [("pghistory", "0007_auto_20250421_0444")]
    operations = [
        migrations.CreateModel(
            name="AggregateEvent",
            fields=[
                ("pgh_slug", models.TextField(primary_key=True, serialize=False)),
                ("pgh_model", models.TextField()),
                ("pgh_id", models.BigIntegerField()),
                ("pgh_created_at", models.DateTimeField()),
                ("pgh_label", models.TextField()),
                ("pgh_data", pghistory.reading.timelines.DerivedField()),
                ("pgh_diff", pghistory.reading.timelines.DerivedField(null=True)),
                ("pgh_obj_model", models.TextField()),
                ("pgh_obj_id", models.TextField(null=True)),
                ("pgh_table", models.TextField()),
                (
                    "pgh_context",
                    models.ForeignKey(
                        to="pghistory.context",
                        on_delete=models.DO_NOTHING,
                        null=True,
                        db_constraint=False,
                        related_name="+",
                    ),
                ),
            ],
            options={"managed": False},
        ),
    ]
