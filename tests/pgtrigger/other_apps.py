"""Save commands the work for apps that no test changes: it takes longer than all that a test does.

``makemigrations`` reads every model of the project and compiles every trigger. ``migrate`` renders
every model for each state, creates a view of the past of every table, and ends with the permissions
of every app. All that is needed for the app that a test writes, and for those it may refer to.
"""

import functools
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import sql as migration_signals
from django.core.signals import setting_changed
from django.db.migrations.state import ModelState, StateApps

from pghistory.past import view_statements
from pgtrigger.triggers.declaration import Declaration

LABELS = {config.label for config in apps.get_app_configs()}
# No app that a test writes refers to their models.
NOT_RENDERED = {"pgtrigger_tests", "integrity_tests", "pghistory_tests"} | {
    config.label
    for config in apps.get_app_configs()
    if Path(config.path).parent == settings.BASE_DIR
    and config.label not in ("project", "pgtrigger", "pghistory", "integrity")
}

TABLES = {
    model._meta.db_table
    for model in apps.get_models(include_auto_created=True)
    if model._meta.app_label in NOT_RENDERED
}
# The apps that do more around ``migrate`` than write the permissions of their models.
ACTIVE = {"pgtrigger", "pghistory", "integrity", "integrity_tests"}

_compiled = {}
_states = {}


def spare(monkeypatch):
    """Until the end of the test, do once or not at all what other apps need."""
    monkeypatch.setattr(Declaration, "compile", _compiling_once(Declaration.compile))
    monkeypatch.setattr(ModelState, "from_model", _reading_once(ModelState.from_model))
    monkeypatch.setattr(StateApps, "__init__", _rendering_few(StateApps.__init__))
    monkeypatch.setattr(view_statements, "_tables", _viewing_few(view_statements._tables))
    monkeypatch.setattr(migration_signals, "apps", _AppsThatMigrate())


class _AppsThatMigrate:
    """The apps that ``migrate`` sends its signals to: those of a test, and the active ones."""

    def get_app_configs(self):
        return [
            config
            for config in apps.get_app_configs()
            if config.label not in LABELS or config.label in ACTIVE
        ]


def _compiling_once(compile):
    @functools.wraps(compile)
    def compile_once(trigger, model):
        if model._meta.apps is not apps or model._meta.app_label not in LABELS:
            return compile(trigger, model)
        if (model, trigger) not in _compiled:
            _compiled[model, trigger] = compile(trigger, model)
        return _compiled[model, trigger]

    return compile_once


def _reading_once(from_model):
    @functools.wraps(from_model)
    def read_once(model, exclude_rels=False):
        if model._meta.app_label not in NOT_RENDERED:
            return from_model(model, exclude_rels)
        if (model, exclude_rels) not in _states:
            _states[model, exclude_rels] = from_model(model, exclude_rels)
        return _states[model, exclude_rels].clone()

    return read_once


def _viewing_few(tables):
    @functools.wraps(tables)
    def view_few(cursor):
        found = tables(cursor)
        return {place: columns for place, columns in found.items() if place[1] not in TABLES}

    return view_few


def _rendering_few(init):
    @functools.wraps(init)
    def render_few(state_apps, real_apps, models, **options):
        real_apps = {label for label in real_apps if label not in NOT_RENDERED}
        models = {key: model for key, model in models.items() if key[0] not in NOT_RENDERED}
        init(state_apps, real_apps, models, **options)

    return render_few


def _forget(setting, **kwargs):
    if setting != "INSTALLED_APPS":
        _compiled.clear()
        _states.clear()


setting_changed.connect(_forget, dispatch_uid="tests.pgtrigger.other_apps")
