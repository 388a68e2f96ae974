"""References to a model or field, which change when it is renamed or removed."""

from __future__ import annotations

from life.evolution.declared import OF_FIELDS, Declared, Model


def rename_model(new: Declared, label: str, name: str) -> Model:
    app, old = label.split(".")
    model = new.apps[app].pop(old)
    model.name = name
    new.apps[app][name] = model
    new.renamed_models.add((old, name))
    for each in new.models().values():
        each.base = f"{app}.{name}" if each.base == label else each.base
        for field in each.fields.values():
            field.to = f"{app}.{name}" if field.to == label else field.to
            field.through = f"{app}.{name}" if field.through == label else field.through
    return model


def rename_app(new: Declared, old: str, label: str) -> None:
    """Give an app another label, and its tables the names that begin with it."""
    new.apps = {label if key == old else key: models for key, models in new.apps.items()}

    def renamed(name: str, end: str) -> str:
        return label + name.removeprefix(old) if name.startswith(old + end) else name

    for model in new.models().values():
        model.base = renamed(model.base, ".")
        model.db_table = renamed(model.db_table, "_")
        model.event_table = renamed(model.event_table, "_")
        for field in model.fields.values():
            field.to, field.through = renamed(field.to, "."), renamed(field.through, ".")


def rename_field(new: Declared, label: str, old: str, name: str) -> None:
    model = new.at(label)
    model.fields = {name if key == old else key: field for key, field in model.fields.items()}
    new.renamed_fields.add((old, name))
    _replace_references(model, old, name)


def remove_field(model: Model, name: str) -> None:
    del model.fields[name]
    _replace_references(model, name, "")


def _replace_references(model: Model, old: str, name: str) -> None:
    """Let what names the field follow it, or go with it."""
    for field in model.fields.values():
        field.of = name if field.of == old else field.of
    model.fields = {
        key: field
        for key, field in model.fields.items()
        if field.of or field.type != "GeneratedField"
    }
    for rule_ in model.rules:
        if rule_.field == old:
            rule_.field = name
    model.rules = [rule_ for rule_ in model.rules if rule_.field or rule_.kind not in OF_FIELDS]
    model.constraints = {
        key: (kind, name if column == old else column)
        for key, (kind, column) in model.constraints.items()
        if name or column != old
    }
    model.indexes = {
        key: name if column == old else column
        for key, column in model.indexes.items()
        if name or column != old
    }
    if model.ordered_by == old:
        model.ordered_by = name
