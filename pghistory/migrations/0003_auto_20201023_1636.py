from django.db import migrations


class Migration(migrations.Migration):
    """Empty: projects depend on its name, and databases have it as applied."""

    dependencies = [("pghistory", "0002_aggregateevent")]
    operations = []
