"""A migration's new model is rendered alone, and is related to others as if all were rendered."""

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

KEY = ("id", models.BigAutoField(primary_key=True))


def create(name, **fields):
    return migrations.CreateModel(name, [KEY, *fields.items()])


def refer(to):
    return models.ForeignKey(to, models.CASCADE)


def relations(state):
    """Return the fields of each model, and what refers to it."""
    return {
        model._meta.label: (
            sorted((field.name, str(field.related_model)) for field in model._meta.get_fields()),
            sorted(str(each.field) for each in model._meta.related_objects),
        )
        for model in state.apps.get_models(include_auto_created=True)
    }


def of_rendered(state):
    """Return the same for a state of the same models, all of which are rendered at once."""
    models = {key: model.clone() for key, model in state.models.items()}
    return relations(ProjectState(models, state.real_apps))


@pytest.fixture
def state():
    state = ProjectState()
    for operation in (create("Context"), create("Entry"), create("Other", entry=refer("Entry"))):
        operation.state_forwards("shop", state)
    assert state.apps
    return state


@pytest.fixture
def rendered(monkeypatch):
    """The names of the models that are rendered."""
    names = []
    render = ModelState.render

    def remember(self, apps):
        names.append(self.name)
        return render(self, apps)

    monkeypatch.setattr(ModelState, "render", remember)
    return names


def test_a_new_model_that_refers_to_others_is_rendered_alone(state, rendered):
    operation = create("Event", context=refer("shop.Context"), entry=refer("shop.Entry"))
    operation.state_forwards("shop", state)
    assert rendered == ["Event"]
    assert relations(state) == of_rendered(state)


@pytest.mark.parametrize(
    "operation",
    [
        create("Tree", parent=refer("self")),
        create("Tagged", tags=models.ManyToManyField("shop.Other")),
        create("Between", tags=models.ManyToManyField("shop.Other", through="shop.Later")),
        migrations.CreateModel("Child", [], bases=("shop.entry",)),
        migrations.CreateModel("Proxy", [], options={"proxy": True}, bases=("shop.entry",)),
    ],
    ids=lambda operation: operation.name,
)
def test_every_kind_of_relation(state, operation):
    operation.state_forwards("shop", state)
    later = create("Later", one=refer("shop.Other"), two=refer(f"shop.{operation.name}"))
    later.state_forwards("shop", state)
    assert relations(state) == of_rendered(state)


def test_a_change_of_the_model_referred_to_reaches_the_new_model(state):
    create("Event", entry=refer("shop.Entry")).state_forwards("shop", state)
    key = models.UUIDField(primary_key=True)
    migrations.AlterField("Entry", "id", key).state_forwards("shop", state)
    column = state.apps.get_model("shop", "Event")._meta.get_field("entry")
    assert isinstance(column.target_field, models.UUIDField)
    assert relations(state) == of_rendered(state)


def test_the_clone_of_a_state_renders_as_django_does(state, rendered):
    """Its models belong to the original, which must not see what refers to them in the clone."""
    clone = state.clone()
    create("Event", entry=refer("shop.Entry")).state_forwards("shop", clone)
    assert "Entry" in rendered
    assert not hasattr(state.apps.get_model("shop", "Entry"), "event_set")
    assert relations(clone) == of_rendered(clone)


def test_a_model_that_refers_to_a_missing_one_waits_for_it(state):
    create("Early", later=refer("shop.Later")).state_forwards("shop", state)
    create("Later").state_forwards("shop", state)
    assert relations(state) == of_rendered(state)


def test_the_migrations_of_all_apps():
    loader = MigrationLoader(None)
    graph = loader.graph
    plan = dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))
    state = ProjectState(real_apps=loader.unmigrated_apps)
    assert state.apps
    for app_label, name in plan:
        for operation in graph.nodes[app_label, name].operations:
            operation.state_forwards(app_label, state)
    assert relations(state) == of_rendered(state)
