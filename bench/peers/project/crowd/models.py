"""Fifty tracked models with a rule each."""

from django.db import models

import pghistory
import pgtrigger

MODELS = 50


def _made(number: int) -> type[models.Model]:
    class Meta:
        app_label = "crowd"
        triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]

    fields = {"name": models.TextField(default=""), "Meta": Meta, "__module__": __name__}
    model = type(f"Table{number}", (models.Model,), fields)
    return pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent())(model)


for _number in range(MODELS):
    globals()[f"Table{_number}"] = _made(_number)
