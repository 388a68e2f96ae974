"""Models of ``isolate_apps`` and ``_meta.triggers``."""

import gc

import pytest
from django.contrib.auth.models import Group
from django.db import models
from django.test.utils import isolate_apps

import pghistory
import pgtrigger
from pgtrigger.triggers import registry
from project.models import User


@pytest.fixture
def kept(create):
    class Kept(models.Model):
        number = models.IntegerField()

        class Meta:
            app_label = "compatibility"
            triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]

    create(Kept)
    return Kept


def test_the_triggers_of_an_isolated_model_are_found_by_uri_and_model(kept):
    assert pgtrigger.registered("compatibility.Kept:keep") == [(kept, kept._meta.triggers[0])]
    row = kept.objects.create(number=1)
    with pgtrigger.ignore("compatibility.Kept:keep"):
        row.delete()
    row = kept.objects.create(number=1)
    with pgtrigger.ignore(kept):
        row.delete()
    row = kept.objects.create(number=1)
    with pgtrigger.ignore():
        row.delete()
    with pytest.raises(pgtrigger.ProtectedError):
        kept.objects.create(number=1).delete()


def test_they_are_not_among_those_of_the_project(kept):
    assert kept not in [model for model, _ in pgtrigger.registered()]


def test_they_are_forgotten_with_their_apps():
    def define():
        with isolate_apps("tests.compatibility"):

            class Passing(models.Model):
                class Meta:
                    app_label = "compatibility"
                    triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]

    define()
    define()
    gc.collect()
    with pytest.raises(KeyError, match="not found"):
        pgtrigger.registered("compatibility.Passing:keep")


def test_a_tracked_isolated_model_has_its_history(create):
    @pghistory.track(
        pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.ManualEvent("seen")
    )
    class Tracked(models.Model):
        name = models.TextField()

        class Meta:
            app_label = "compatibility"

    create(Tracked)
    assert Tracked.pgh_event_models["insert"] is Tracked.pgh_event_model
    with pghistory.context(reason="test"):
        row = Tracked.objects.create(name="a")
        row.name = "b"
        row.save()
        pghistory.create_event(row, label="seen")
    found = row.events.order_by("pgh_id").values_list("pgh_label", "name", "pgh_context__metadata")
    assert list(found) == [
        (label, name, {"reason": "test"})
        for label, name in [("insert", "a"), ("update", "b"), ("seen", "b")]
    ]


def test_an_isolated_child_adds_no_trigger_to_a_model_of_the_project(isolated):
    before = pgtrigger.registered()

    @pghistory.track()
    class Employee(Group):
        class Meta:
            app_label = "compatibility"

    names = [trigger.name for trigger in Employee._meta.triggers]
    assert names == ["insert_insert", "update_update"]
    assert pgtrigger.registered() == before


def test_meta_lists_the_triggers_of_register_and_track(isolated):
    protect = pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)
    other = pgtrigger.Protect(name="other", operation=pgtrigger.Insert)

    @pghistory.track()
    @pgtrigger.register(other)
    class Listed(models.Model):
        class Meta:
            app_label = "compatibility"
            triggers = [protect]

    names = [trigger.name for trigger in Listed._meta.triggers]
    assert names == ["keep", "other", "insert_insert", "update_update"]
    with other.unregister(Listed):
        assert other not in Listed._meta.triggers
    assert other in Listed._meta.triggers


def test_meta_of_another_apps_model_lists_them_too():
    protect = pgtrigger.Protect(name="compatibility_keep", operation=pgtrigger.Delete)
    with protect.register(User):
        assert protect in User._meta.triggers
    assert protect not in User._meta.triggers


def test_children_of_an_abstract_model_list_their_own(isolated):
    class Base(models.Model):
        class Meta:
            abstract = True
            app_label = "compatibility"
            triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]

    class First(Base):
        class Meta(Base.Meta):
            pass

    class Second(Base):
        class Meta(Base.Meta):
            pass

    pgtrigger.register(pgtrigger.Protect(name="more", operation=pgtrigger.Insert))(First)
    assert [trigger.name for trigger in First._meta.triggers] == ["keep", "more"]
    assert [trigger.name for trigger in Second._meta.triggers] == ["keep"]
    assert registry.of_model(Second) == Second._meta.triggers


def test_several_event_models_are_chosen_by_label(isolated):
    @pghistory.track(pghistory.InsertEvent("first"))
    @pghistory.track(
        pghistory.InsertEvent("second"),
        model_name="OtherEvent",
        obj_field=pghistory.ObjForeignKey(related_name="others"),
    )
    class Twice(models.Model):
        class Meta:
            app_label = "compatibility"

    assert {*Twice.pgh_event_models} == {"first", "second"}
    with pytest.raises(ValueError, match="2 event models"):
        Twice.pgh_event_model  # noqa: B018


@pytest.mark.parametrize(
    "condition",
    [
        pghistory.AnyChange(),
        pghistory.AnyChange(exclude_auto=True),
        pghistory.AnyChange(exclude=["body"]),
        ~~pghistory.AnyChange(),
        pghistory.AnyChange() & pghistory.Q(new__number__gte=0),
    ],
)
@pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
def test_conditions_over_no_field_compare_the_tracked_ones(create, condition, level):
    @pghistory.track(pghistory.UpdateEvent(condition=condition), fields=["name", "at"], level=level)
    class Partly(models.Model):
        name = models.TextField()
        body = models.TextField(default="")
        number = models.IntegerField(default=0)
        at = models.DateTimeField(auto_now_add=True)

        class Meta:
            app_label = "compatibility"

    create(Partly)
    row = Partly.objects.create(name="a")
    Partly.objects.update(body="untracked")
    assert not Partly.pgh_event_model.objects.exists()
    Partly.objects.update(name="b")
    assert Partly.pgh_event_model.objects.get().pgh_obj == row


def test_an_identifier_that_postgresql_would_cut_is_an_error(isolated):
    class Unchecked(pgtrigger.Protect):
        def validate_name(self):
            pass

    trigger = Unchecked(name="x" * 66, operation=pgtrigger.Delete)
    with pytest.raises(ValueError, match="greater than 63"):
        trigger.get_pgid(User)


def test_a_plain_field_of_a_timeline_names_the_way_to_declare_it(isolated):
    from pghistory.models import Events

    class Mine(Events):
        user = models.IntegerField()

        class Meta:
            app_label = "compatibility"
            proxy = True

    [message] = [each for each in Mine.check() if each.id == "models.E017"]
    assert "ProxyField" in message.hint
