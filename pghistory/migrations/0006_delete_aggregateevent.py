from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("pghistory", "0005_events_middlewareevents")]
    operations = [
        migrations.DeleteModel(name="AggregateEvent"),
    ]
