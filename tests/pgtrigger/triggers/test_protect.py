"""``Protect`` and ``ReadOnly``, on tables of every kind."""

import pytest
from django.db import IntegrityError, InternalError, connection, transaction
from django.db import models as fields

import pgtrigger
from tests.pgtrigger import models
from tests.pgtrigger.migrated.models import UserProxy

pytestmark = pytest.mark.django_db


class TestProtect:
    def test_it_refuses_its_operation(self):
        row = models.Protected.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
            row.delete()
        assert models.Protected.objects.filter(pk=row.pk).exists()

    def test_it_refuses_only_where_its_condition_holds(self):
        row = models.Protected.objects.create()
        models.Protected.objects.update(number=1)
        with pytest.raises(InternalError), transaction.atomic():
            models.Protected.objects.update(number=-1)
        row.refresh_from_db()
        assert row.number == 1

    def test_the_server_reports_all_of_the_rule(self):
        row = models.Protected.objects.create()
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            row.delete()
        diagnostic = caught.value.__cause__.diag
        assert diagnostic.sqlstate == "23000"
        assert diagnostic.message_primary == (
            "pgtrigger: Cannot delete rows from pgtrigger_tests_protected table"
        )
        assert diagnostic.schema_name == "public"
        assert diagnostic.table_name == "pgtrigger_tests_protected"
        assert diagnostic.constraint_name == "no_delete"
        assert '"operation" : "DELETE"' in diagnostic.message_detail
        assert diagnostic.message_hint == (
            "The rule no_delete refuses DELETE; it allows INSERT and UPDATE."
        )

    def test_the_exception_has_what_the_server_reports_as_attributes(self):
        row = models.Protected.objects.create()
        with pytest.raises(pgtrigger.ProtectedError) as caught, transaction.atomic():
            row.delete()
        error = caught.value
        assert error.model is models.Protected
        assert error.trigger == "no_delete"
        assert error.uri == "pgtrigger_tests.Protected:no_delete"
        assert error.table == "pgtrigger_tests_protected"
        assert error.operation == "DELETE"
        assert error.key == {"id": row.pk}

    def test_a_statement_that_touches_no_row_is_not_refused(self):
        models.FrozenStatement.objects.filter(pk=0).delete()
        models.FrozenStatement.objects.filter(pk=0).update(kept=1)

    def test_a_statement_level_rule_names_a_refused_row(self):
        row = models.FrozenStatement.objects.create()
        with pytest.raises(pgtrigger.ProtectedError) as caught, transaction.atomic():
            models.FrozenStatement.objects.filter(pk=row.pk).delete()
        assert caught.value.key == {"id": row.pk}
        assert caught.value.operation == "DELETE"

    def test_truncate_can_be_refused(self, make_model):
        rule = pgtrigger.Protect(
            name="no_truncate", operation=pgtrigger.Truncate, level=pgtrigger.Statement
        )
        model = make_model(triggers=[rule])
        with (
            pytest.raises(pgtrigger.ProtectedError) as caught,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"TRUNCATE {model._meta.db_table}")
        assert caught.value.operation == "TRUNCATE"


@pytest.mark.parametrize("model", [models.Frozen, models.FrozenStatement])
class TestReadOnly:
    def test_other_fields_can_change(self, model):
        model.objects.create()
        model.objects.update(other=1)
        assert model.objects.get().other == 1

    def test_its_fields_cannot(self, model):
        row = model.objects.create()
        with pytest.raises(pgtrigger.ReadOnlyError) as caught, transaction.atomic():
            model.objects.update(kept=1, other=1)
        assert caught.value.fields == ["kept"]
        assert caught.value.key == {"id": row.pk}
        assert caught.value.__cause__.diag.column_name == "kept"

    def test_one_refused_row_of_many_refuses_the_statement(self, model):
        rows = model.objects.bulk_create(model(other=n) for n in range(5))
        with pytest.raises(pgtrigger.ReadOnlyError) as caught, transaction.atomic():
            connection.cursor().execute(
                f"UPDATE {model._meta.db_table} SET kept = CASE other WHEN 3 THEN 1 ELSE 0 END"
            )
        assert caught.value.key == {"id": rows[3].pk}
        assert not model.objects.filter(kept=1).exists()

    def test_a_change_of_the_key_is_not_a_change_of_the_field(self, model):
        model.objects.bulk_create(model(kept=n) for n in range(1, 6))
        keys = list(model.objects.order_by("pk").values_list("pk", "kept"))
        connection.cursor().execute(f"UPDATE {model._meta.db_table} SET id = -id")
        assert list(model.objects.order_by("-pk").values_list("pk", "kept")) == [
            (-pk, kept) for pk, kept in keys
        ]

    def test_a_field_that_moves_with_the_key_is_refused(self, model):
        model.objects.bulk_create(model(kept=n) for n in range(1, 6))
        with pytest.raises(pgtrigger.ReadOnlyError), transaction.atomic():
            connection.cursor().execute(
                f"UPDATE {model._meta.db_table} t SET id = -o.id, kept = o.kept"
                f" FROM {model._meta.db_table} o WHERE o.kept = 6 - t.kept"
            )


class PlainJson(fields.JSONField):
    """A column whose type has no equality in PostgreSQL."""

    def db_type(self, connection):
        return "json"


@pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
@pytest.mark.parametrize("options", [{}, {"fields": ["data"]}])
def test_a_column_without_equality_is_compared_as_text(make_model, level, options):
    model = make_model(
        data=PlainJson(default=dict),
        triggers=[pgtrigger.ReadOnly(name="kept", level=level, **options)],
    )
    model.objects.create(data={"a": 1})
    model.objects.update(data={"a": 1})
    with pytest.raises(pgtrigger.ReadOnlyError) as caught:
        model.objects.update(data={"a": 2})
    assert caught.value.fields == ["data"]


class TestOtherKindsOfModels:
    def test_a_child_has_the_rules_of_its_abstract_parent(self):
        row = models.RuledChild.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
            row.delete()

    def test_a_rule_of_a_child_table(self):
        row = models.ConcreteChild.objects.create()
        with pytest.raises(pgtrigger.ProtectedError) as caught, transaction.atomic():
            row.delete()
        assert caught.value.key == {"concreteparent_ptr_id": row.pk}

    def test_a_rule_of_a_proxy_holds_for_the_model_it_stands_for(self):
        with pytest.raises(pgtrigger.ProtectedError) as caught, transaction.atomic():
            UserProxy.objects.create(username="refused")
        assert caught.value.model is UserProxy

    def test_a_rule_of_a_many_to_many_table(self, django_user_model):
        from django.contrib.auth.models import Group

        user = django_user_model.objects.create(username="u")
        group = Group.objects.create(name="g")
        user.groups.add(group)
        with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
            user.groups.remove(group)

    def test_any_change_leaves_generated_columns_out(self):
        row = models.Generated.objects.create()
        models.Generated.objects.update(number=2)
        models.Generated.objects.update(number=2)
        row.refresh_from_db()
        assert (row.changes, row.double) == (1, 4)


class TestRaisedError:
    def test_a_plain_raise_is_both_of_what_code_may_catch(self):
        from django.db import ProgrammingError

        for expected in (InternalError, ProgrammingError, pgtrigger.RaisedError):
            with pytest.raises(expected, match=r"100% \{no\}"), transaction.atomic():
                models.Raising.objects.create()


class TestVersioned:
    def test_the_documented_model_behaves_as_documented(self):
        row = models.Versioned.objects.create(text="hello")
        row.text = "hi"
        row.save()
        row.refresh_from_db()
        assert row.version == 1
        row.save()
        row.refresh_from_db()
        assert row.version == 1
        row.version = 5
        with pytest.raises(InternalError), transaction.atomic():
            row.save()
