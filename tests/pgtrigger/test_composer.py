"""``Composer`` and ``UpdateSearchVector``: functions for rows and for statements."""

import pytest
from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import models as fields

import pgtrigger

pytestmark = pytest.mark.django_db


def composer(level=pgtrigger.Statement, **options):
    defaults = {
        "name": "composed",
        "level": level,
        "when": pgtrigger.After,
        "operation": pgtrigger.Update,
        "func": "RETURN NULL;",
    }
    return pgtrigger.Composer(**{**defaults, **options})


@pytest.fixture
def log(make_model):
    return make_model(text=fields.TextField())


@pytest.fixture
def logged(make_model, log):
    """``logged(trigger options)``: a model whose trigger writes into the log."""

    def make(source, **options):
        func = pgtrigger.Func(
            f"INSERT INTO {log._meta.db_table} (text) SELECT {source}; RETURN NULL;"
        )
        return make_model(number=fields.IntegerField(), triggers=[composer(func=func, **options)])

    return make


class TestTransitionTables:
    def test_new_rows_are_those_that_meet_the_condition(self, logged, log):
        model = logged(
            "new_values.number::text FROM {cond_new_values}",
            operation=pgtrigger.Insert,
            condition=pgtrigger.Q(new__number__gt=1),
        )
        model.objects.bulk_create(model(number=n) for n in range(4))
        assert list(log.objects.values_list("text", flat=True)) == ["2", "3"]

    def test_old_rows_too(self, logged, log):
        model = logged(
            "old_values.number::text FROM {cond_old_values}",
            operation=pgtrigger.Delete,
            condition=pgtrigger.Q(old__number__gt=1),
        )
        model.objects.bulk_create(model(number=n) for n in range(4))
        model.objects.all().delete()
        assert sorted(log.objects.values_list("text", flat=True)) == ["2", "3"]

    def test_joined_rows_have_both(self, logged, log):
        model = logged(
            "old_values.number || ' to ' || new_values.number FROM {cond_joined_values}",
            condition=pgtrigger.AnyChange("number"),
        )
        model.objects.bulk_create(model(number=n) for n in range(3))
        model.objects.update(number=1)
        assert sorted(log.objects.values_list("text", flat=True)) == ["0 to 1", "2 to 1"]

    def test_without_condition_they_are_all(self, logged, log):
        model = logged("count(*)::text FROM {cond_new_values}", operation=pgtrigger.Insert)
        model.objects.bulk_create(model(number=n) for n in range(3))
        assert log.objects.get().text == "3"

    def test_their_names_can_be_chosen(self, logged, log):
        model = logged(
            "n.number::text FROM {cond_new_values}",
            operation=pgtrigger.Insert,
            referencing=pgtrigger.Referencing(new="n"),
            condition=pgtrigger.Q(new__number=1),
        )
        model.objects.create(number=1)
        assert log.objects.get().text == "1"

    @pytest.mark.parametrize(
        ("source", "condition", "reason"),
        [
            ("1 FROM {cond_new_values}", pgtrigger.Q(old__number=1), "references OLD"),
            ("1 FROM {cond_old_values}", pgtrigger.Q(new__number=1), "references NEW"),
            ("1 FROM {cond_new_values}", pgtrigger.Condition("true"), "rows OLD and NEW"),
        ],
    )
    def test_a_condition_on_the_other_rows_is_refused(self, logged, source, condition, reason):
        with pytest.raises(pgtrigger.DeclarationError, match=reason):
            logged(source, condition=condition)


class TestLevels:
    FUNC = {
        pgtrigger.Row: "RAISE EXCEPTION 'row';",
        pgtrigger.Statement: "RAISE EXCEPTION 'statement';",
    }

    @pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
    def test_a_function_can_be_written_for_each(self, make_model, level):
        model = make_model(number=fields.IntegerField(), triggers=[composer(level, func=self.FUNC)])
        model.objects.create(number=1)
        with pytest.raises(pgtrigger.RaisedError, match=str(level).lower()):
            model.objects.update(number=2)

    def test_a_level_without_function_is_refused(self, make_model):
        with pytest.raises(pgtrigger.DeclarationError, match="no entry for level ROW"):
            make_model(triggers=[composer(pgtrigger.Row, func={pgtrigger.Statement: ""})])


class TestStatementLevelRules:
    def test_a_condition_with_several_operations_is_refused(self, make_model):
        with pytest.raises(pgtrigger.DeclarationError, match="exactly one of"):
            make_model(
                number=fields.IntegerField(),
                triggers=[
                    pgtrigger.Protect(
                        name="p",
                        level=pgtrigger.Statement,
                        operation=pgtrigger.Update | pgtrigger.Delete,
                        condition=pgtrigger.Q(old__number=1),
                    )
                ],
            )

    def test_several_operations_without_condition_are_refused_whole(self, make_model):
        model = make_model(
            number=fields.IntegerField(),
            triggers=[
                pgtrigger.Protect(
                    name="p",
                    level=pgtrigger.Statement,
                    operation=pgtrigger.Update | pgtrigger.Delete,
                )
            ],
        )
        model.objects.create(number=1)
        with pytest.raises(pgtrigger.ProtectedError):
            model.objects.update(number=2)


class TestFsmColumns:
    def test_a_type_without_equality_is_refused_when_the_model_is_loaded(self, make_model):
        class PlainJson(fields.JSONField):
            def db_type(self, connection):
                return "json"

        with pytest.raises(pgtrigger.DeclarationError, match="json, which has no equality"):
            make_model(
                state=PlainJson(),
                triggers=[pgtrigger.FSM(name="f", field="state", transitions=[(1, 2)])],
            )

    @pytest.mark.parametrize(
        ("field", "old", "new", "refused"),
        [
            (fields.BooleanField(), False, True, False),
            (fields.DateField(), "2020-01-01", "2020-01-02", "2020-01-03"),
            (fields.UUIDField(), "0" * 32, "1" * 32, "2" * 32),
            (fields.JSONField(), {"a": 1}, {"a": [2]}, {"a": "'"}),
            (fields.DecimalField(max_digits=4, decimal_places=2), "1.10", "1.20", "1.30"),
            (fields.TextField(), "it's: \\ 100% {x}", "🦉 $$", 'a"b'),
        ],
    )
    def test_states_of(self, make_model, field, old, new, refused):
        model = make_model(
            state=field,
            triggers=[pgtrigger.FSM(name="f", field="state", transitions=[(old, new)])],
        )
        model.objects.create(state=old)
        model.objects.update(state=new)
        with pytest.raises(pgtrigger.InvalidTransitionError):
            model.objects.update(state=refused)

    def test_a_condition_limits_it(self, make_model):
        model = make_model(
            state=fields.TextField(),
            is_checked=fields.BooleanField(default=True),
            triggers=[
                pgtrigger.FSM(
                    name="f",
                    field="state",
                    transitions=[("a", "b")],
                    condition=pgtrigger.Q(old__is_checked=True),
                )
            ],
        )
        model.objects.create(state="b", is_checked=False)
        model.objects.update(state="a")

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"transitions": [("a", "b")]}, 'has no "field"'),
            ({"field": "state"}, 'has no "transitions"'),
            ({"field": "state", "transitions": ["ab"]}, "not a pair"),
            ({"field": "state", "transitions": [("a", "b", "c")]}, "not a pair"),
            (
                {"field": "state", "transitions": [("a|b", "c")], "separator": "|"},
                "contains separator",
            ),
        ],
    )
    def test_what_is_refused(self, options, reason):
        with pytest.raises(pgtrigger.DeclarationError, match=reason):
            pgtrigger.FSM(name="f", **options)


class TestUpdateSearchVector:
    @pytest.fixture
    def document(self, make_model):
        return make_model(
            title=fields.TextField(),
            body=fields.TextField(null=True),
            vector=SearchVectorField(null=True),
            triggers=[
                pgtrigger.UpdateSearchVector(
                    name="vector", vector_field="vector", document_fields=["title", "body"]
                )
            ],
        )

    def test_it_follows_the_documents(self, document):
        row = document.objects.create(title="The foxes", body=None)
        assert document.objects.filter(vector=SearchQuery("fox")).exists()
        row.body = "Owls"
        row.save()
        assert document.objects.filter(vector=SearchQuery("owl & fox", search_type="raw")).exists()

    def test_it_can_be_ignored(self, document):
        with pgtrigger.ignore(document):
            document.objects.create(title="foxes")
        assert document.objects.get().vector is None

    @pytest.mark.parametrize("missing", ["vector_field", "document_fields"])
    def test_it_needs_its_fields(self, missing):
        options = {"vector_field": "v", "document_fields": ["d"], missing: None}
        with pytest.raises(pgtrigger.DeclarationError, match=missing):
            pgtrigger.UpdateSearchVector(name="x", **options)
