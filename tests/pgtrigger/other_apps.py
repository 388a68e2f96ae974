"""Save commands the work for apps that no test changes: it takes longer than all that a test does.

``makemigrations`` compiles every trigger of the project, and ``migrate`` renders every model for
each state. Both are needed for the app that a test writes, and for those it may refer to.
"""

import functools
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.signals import setting_changed
from django.db.migrations.state import StateApps

from pgtrigger.triggers.declaration import Declaration

LABELS = {config.label for config in apps.get_app_configs()}
# No app that a test writes refers to their models.
NOT_RENDERED = {"pgtrigger_tests", "integrity_tests", "pghistory_tests"} | {
    config.label
    for config in apps.get_app_configs()
    if Path(config.path).parent == settings.BASE_DIR
    and config.label not in ("project", "pgtrigger", "pghistory", "integrity")
}

_compiled = {}


def spare(monkeypatch):
    """Until the end of the test, compile the triggers of other apps once, and render few models."""
    monkeypatch.setattr(Declaration, "compile", _compiling_once(Declaration.compile))
    monkeypatch.setattr(StateApps, "__init__", _rendering_few(StateApps.__init__))


def _compiling_once(compile):
    @functools.wraps(compile)
    def compile_once(trigger, model):
        if model._meta.apps is not apps or model._meta.app_label not in LABELS:
            return compile(trigger, model)
        if (model, trigger) not in _compiled:
            _compiled[model, trigger] = compile(trigger, model)
        return _compiled[model, trigger]

    return compile_once


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


setting_changed.connect(_forget, dispatch_uid="tests.pgtrigger.other_apps")
