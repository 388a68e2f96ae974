from django.db import migrations, models

import pghistory.fields


class Migration(migrations.Migration):
    dependencies = [("pghistory", "0009_maintenance")]
    operations = [
        # The default comes second: with the column, it would be given to every old context.
        migrations.AddField(
            model_name="context",
            name="database_role",
            field=models.TextField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="context",
            name="database_role",
            field=models.TextField(
                db_default=pghistory.fields.SessionUser(), editable=False, null=True
            ),
        ),
    ]
