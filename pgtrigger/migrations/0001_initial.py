from django.db import migrations, models

from pgtrigger.database import recording


def install(apps, schema_editor):
    recording.install(schema_editor.connection)


def uninstall(apps, schema_editor):
    recording.uninstall(schema_editor.connection)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='PgTrigger',
            fields=[
                ('oid', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('name', models.CharField(db_column='tgname', max_length=63)),
                ('table_oid', models.PositiveBigIntegerField(db_column='tgrelid')),
                ('function_oid', models.PositiveBigIntegerField(db_column='tgfoid')),
                ('enabled', models.CharField(choices=[('O', 'enabled'), ('D', 'disabled'), ('R', 'on replicas'), ('A', 'always')], db_column='tgenabled', max_length=1)),
                ('is_internal', models.BooleanField(db_column='tgisinternal')),
                ('parent', models.PositiveBigIntegerField(db_column='tgparentid')),
            ],
            options={
                'verbose_name': 'trigger',
                'db_table': 'pg_trigger',
                'ordering': ['name'],
                'managed': False,
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='Violation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('uri', models.TextField()),
                ('table_name', models.TextField()),
                ('operation', models.TextField()),
                ('key', models.JSONField(null=True)),
                ('message', models.TextField()),
                ('detail', models.JSONField()),
                ('context_id', models.UUIDField(null=True)),
                ('context', models.JSONField(null=True)),
                ('database_role', models.TextField()),
                ('application', models.TextField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'pgtrigger_violation',
                'ordering': ['-id'],
                'default_permissions': ('view',),
                'required_db_vendor': 'postgresql',
                'indexes': [models.Index(fields=['uri', 'created_at'], name='pgtrigger_violation_uri')],
            },
        ),
        migrations.CreateModel(
            name='ViolationCount',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('uri', models.TextField()),
                ('hour', models.DateTimeField()),
                ('backend', models.IntegerField()),
                ('number', models.BigIntegerField()),
            ],
            options={
                'db_table': 'pgtrigger_violationcount',
                'default_permissions': (),
                'required_db_vendor': 'postgresql',
                'constraints': [models.UniqueConstraint(fields=('uri', 'hour', 'backend'), name='pgtrigger_violationcount_once')],
            },
        ),
        migrations.RunPython(install, uninstall),
    ]
