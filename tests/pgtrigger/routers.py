"""Routers that tests put into ``DATABASE_ROUTERS``."""


class NothingAllowed:
    def allow_migrate(self, db, app_label, **hints):
        return False


class FrozenOnOther:
    """``Frozen`` is on the second database alone."""

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if model_name == "frozen":
            return db == "other"
        return None

    def db_for_write(self, model, **hints):
        return "other" if model._meta.model_name == "frozen" else None
