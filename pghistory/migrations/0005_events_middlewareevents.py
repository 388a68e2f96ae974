from django.db import migrations, models

import pghistory.reading.timelines


class Migration(migrations.Migration):
    dependencies = [("pghistory", "0004_auto_20220906_1625")]
    operations = [
        migrations.CreateModel(
            name="Events",
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
                ("pgh_context_id", models.UUIDField(null=True)),
                ("pgh_context", pghistory.reading.timelines.DerivedField(null=True)),
            ],
            options={"managed": False, "verbose_name_plural": "events"},
        ),
        migrations.CreateModel(
            name="MiddlewareEvents",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
                "verbose_name_plural": "middleware events",
            },
            bases=("pghistory.events",),
        ),
    ]
