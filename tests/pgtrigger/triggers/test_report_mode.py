"""``mode="report"``: the write passes, and what the rule would have refused is recorded."""

import pytest
from django.db import connection, models, transaction

import pghistory
import pgtrigger
from pgtrigger import DeclarationError
from pgtrigger.database import recording
from pgtrigger.forms import forecast
from pgtrigger.models import Violation, ViolationCount
from tests.pgtrigger.concurrent import at_every_level, connect, race, with_connections

pytestmark = pytest.mark.django_db

ISSUED = models.Q(status="issued")


@pytest.fixture
def invoice(make_model):
    def make(*triggers, **fields):
        return make_model(
            status=models.CharField(max_length=9, default="draft"),
            amount=models.IntegerField(default=0),
            triggers=triggers,
            **fields,
        )

    return make


def records(model):
    return Violation.objects.filter(uri__startswith=f"{model._meta.label}:").order_by("id")


class TestRecords:
    def test_the_write_passes_and_the_refusal_is_recorded(self, invoice):
        rule = pgtrigger.Protect(
            name="keep", operation=pgtrigger.Delete, mode="report", message="Invoices are kept."
        )
        model = invoice(rule)
        row = model.objects.create()
        key = row.pk
        row.delete()
        assert not model.objects.exists()
        record = records(model).get()
        assert (record.uri, record.operation, record.key, record.message) == (
            f"{model._meta.label}:keep",
            "DELETE",
            {"id": key},
            "Invoices are kept.",
        )
        assert record.detail["rule"] == "protect"
        assert record.table_name == f'"public"."{model._meta.db_table}"'

    def test_a_write_that_keeps_the_rule_is_not_recorded(self, invoice):
        rule = pgtrigger.Frozen(when=ISSUED, mode="report")
        model = invoice(rule)
        row = model.objects.create()
        row.status = "issued"
        row.save()
        assert not records(model).exists()

    @pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
    def test_each_row_of_a_statement_is_recorded(self, invoice, level):
        model = invoice(
            pgtrigger.ReadOnly(name="kept", fields=["amount"], mode="report", level=level)
        )
        model.objects.bulk_create(model(status=str(number)) for number in range(5))
        assert model.objects.exclude(status="0").update(amount=1) == 4
        assert {record.key["id"] for record in records(model)} == set(
            model.objects.filter(amount=1).values_list("pk", flat=True)
        )
        assert [record.detail["fields"] for record in records(model)] == [["amount"]] * 4

    def test_a_statement_of_which_no_row_is_known_is_one_record(self, invoice):
        model = invoice(
            pgtrigger.Protect(
                name="full", operation=pgtrigger.Truncate, level=pgtrigger.Statement, mode="report"
            )
        )
        model.objects.create()
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {model._meta.db_table}")
        assert not model.objects.exists()
        assert records(model).get().key is None

    def test_a_savepoint_that_is_rolled_back_leaves_no_record(self, invoice):
        model = invoice(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, mode="report"))
        row = model.objects.create()
        with transaction.atomic():
            model.objects.all().delete()
            transaction.set_rollback(True)
        assert not records(model).exists()
        row.delete()
        assert records(model).count() == 1

    def test_it_holds_the_context_and_the_session(self, invoice):
        model = invoice(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, mode="report"))
        model.objects.create()
        with pghistory.context(reason="cleaning") as opened:
            model.objects.all().delete()
        record = records(model).get()
        assert (record.context_id, record.context) == (opened.id, {"reason": "cleaning"})
        with connection.cursor() as cursor:
            cursor.execute("SELECT session_user, current_setting('application_name'), now()")
            user, application, began = cursor.fetchone()
        assert (record.database_role, record.application) == (user, application)
        assert record.created_at > began

    def test_variables_that_are_no_context_do_not_fail_the_write(self, invoice):
        model = invoice(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, mode="report"))
        model.objects.create()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL pghistory.context_id = 'nonsense'")
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
        assert records(model).get().context is None

    def test_ignore_covers_it(self, invoice):
        model = invoice(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, mode="report"))
        model.objects.create()
        with pgtrigger.ignore(f"{model._meta.label}:keep"):
            model.objects.all().delete()
        assert not records(model).exists()


class TestEachRule:
    def test_fsm_and_its_initial_states(self, invoice):
        model = invoice(
            pgtrigger.FSM(
                name="flow",
                field="status",
                transitions=[("draft", "issued")],
                initial=["draft"],
                mode="report",
            )
        )
        row = model.objects.create(status="odd")
        row.status = "draft"
        row.save()
        assert [(each.uri.partition(":")[2], each.detail["new"]) for each in records(model)] == [
            ("flow_initial", "odd"),
            ("flow", "draft"),
        ]

    def test_frozen_and_its_deletion(self, invoice):
        model = invoice(pgtrigger.Frozen(when=ISSUED, mode="report"))
        row = model.objects.create(status="issued")
        row.amount = 2
        row.save()
        row.delete()
        assert [each.operation for each in records(model)] == ["UPDATE", "DELETE"]

    def test_version_counts_on(self, invoice):
        model = invoice(
            pgtrigger.Version("version", mode="report"), version=models.IntegerField(default=0)
        )
        mine = model.objects.create()
        model.objects.get().save()
        theirs = model.objects.get()
        theirs.amount = 1
        theirs.save()
        mine.amount = 2
        mine.save()
        assert (mine.version, model.objects.get().version, model.objects.get().amount) == (2, 2, 2)
        detail = records(model).get().detail
        assert (detail["version"], detail["based_on"]) == (1, 0)

    def test_no_cycle_ends_where_it_finds_one(self, invoice):
        model = invoice(
            pgtrigger.NoCycle("parent", mode="report"),
            parent=models.ForeignKey("self", models.CASCADE, null=True),
        )
        first = model.objects.create()
        second = model.objects.create(parent=first)
        first.parent = second
        first.save()
        assert [each.key for each in records(model)] == [{"id": first.pk}]
        first.refresh_from_db()
        assert first.parent_id == second.pk

    def test_requires_and_at_most(self, invoice, make_model):
        parent = invoice()
        line = make_model(
            invoice=models.ForeignKey(parent, models.CASCADE),
            triggers=[
                pgtrigger.Requires("invoice__status", "draft", mode="report"),
                pgtrigger.AtMost(2, per="invoice", mode="report"),
            ],
        )
        draft, issued = parent.objects.create(), parent.objects.create(status="issued")
        line.objects.create(invoice=draft)
        line.objects.create(invoice=issued)
        assert [each.detail["rule"] for each in records(line)] == ["requires"]
        line.objects.bulk_create(line(invoice=draft) for _ in range(3))
        assert records(line).last().detail["parent"] == draft.pk
        assert line.objects.filter(invoice=draft).count() == 4

    @pytest.mark.parametrize("update_parent", [False, True])
    def test_active_parent_and_its_part_on_the_parent(self, make_model, update_parent):
        parent = make_model(
            is_active=models.BooleanField(default=True),
            triggers=[pgtrigger.SoftDelete(name="soft", field="is_active")],
        )
        child = make_model(
            parent=models.ForeignKey(parent, models.DO_NOTHING),
            triggers=[pgtrigger.ActiveParent("parent", update_parent=update_parent, mode="report")],
        )
        pgtrigger.install(f"{child._meta.label}:active_parent")
        row = parent.objects.create()
        child.objects.create(parent=row)
        parent.objects.all().delete()
        child.objects.create(parent=row)
        assert [each.detail["rule"] for each in records(parent)] == ["protect"]
        assert [each.detail["rule"] for each in records(child)] == ["requires"]
        assert child.objects.filter(parent__is_active=False).count() == 2

    def test_a_rule_of_a_subclass(self, invoice):
        class Small(pgtrigger.Protect):
            operation = pgtrigger.Insert | pgtrigger.Update

            def get_condition(self, model):
                return pgtrigger.Q(new__amount__gt=100)

        model = invoice(Small(name="small", mode="report"))
        model.objects.create(amount=101)
        model.objects.create(amount=100)
        assert [each.operation for each in records(model)] == ["INSERT"]

    @pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
    def test_a_condition_in_sql(self, invoice, level):
        model = invoice(
            pgtrigger.Protect(
                name="small",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("NEW.amount > OLD.amount + 1"),
                level=level,
                mode="report",
            )
        )
        model.objects.bulk_create([model(), model(amount=5)])
        model.objects.update(amount=3)
        assert [each.key["id"] for each in records(model)] == [model.objects.first().pk]

    def test_a_deferred_rule_records_at_commit(self, invoice):
        model = invoice(
            pgtrigger.Protect(
                name="late",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                mode="report",
            )
        )
        model.objects.create()
        assert not records(model).exists()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert records(model).count() == 1


class TestDeclaration:
    def test_an_unknown_mode_is_refused(self):
        with pytest.raises(DeclarationError, match='expected "refuse" or "report"'):
            pgtrigger.Protect(name="x", operation=pgtrigger.Delete, mode="log")

    def test_a_rule_with_its_own_function_has_no_mode(self):
        with pytest.raises(DeclarationError, match="decides what it raises"):
            pgtrigger.Protect(
                name="x", operation=pgtrigger.Delete, func="RETURN NULL;", mode="report"
            )

    def test_forms_offer_what_is_only_reported(self, invoice):
        model = invoice(pgtrigger.ReadOnly(name="kept", fields=["amount"], mode="report"))
        assert not forecast(model, model.objects.create()).read_only

    def test_a_rule_goes_from_report_to_refuse_and_back(self, invoice):
        model = invoice()
        rules = {
            mode: pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, mode=mode)
            for mode in ("report", "refuse")
        }
        sequence = "SELECT count(*) FROM pg_class WHERE relname LIKE 'pgtrigger_reports_%%'"
        with connection.cursor() as cursor:
            cursor.execute(sequence)
            [before] = cursor.fetchone()
            for mode, number in (("report", 1), ("refuse", 0), ("report", 1)):
                rules[mode].install(model)
                assert rules[mode].get_installation_status(model) == ("INSTALLED", True)
                cursor.execute(sequence)
                assert cursor.fetchone() == (before + number,)
            rules["report"].uninstall(model)
            cursor.execute(sequence)
            assert cursor.fetchone() == (before,)


@pytest.mark.django_db(transaction=True)
class TestLimit:
    @pytest.fixture
    def model(self, invoice):
        return invoice(
            pgtrigger.Protect(name="keep", operation=pgtrigger.Update, mode="report"),
            pgtrigger.Protect(name="other", operation=pgtrigger.Update, mode="report"),
        )

    def counted(self, model, name="keep"):
        uri = f"{model._meta.label}:{name}"
        numbers = ViolationCount.objects.filter(uri=uri).values_list("number", flat=True)
        return Violation.objects.filter(uri=uri).count(), sum(numbers)

    def test_a_rule_has_1000_records_an_hour_and_then_a_counter(self, model):
        model.objects.bulk_create(model() for _ in range(recording.LIMIT + 10))
        model.objects.update(amount=1)
        assert self.counted(model) == self.counted(model, "other") == (recording.LIMIT, 10)
        model.objects.filter(pk__lte=5).update(amount=2)
        assert self.counted(model)[1] == 10 + model.objects.filter(amount=2).count()
        assert ViolationCount.objects.filter(uri=f"{model._meta.label}:keep").count() == 1

    def test_what_is_rolled_back_is_not_counted(self, model):
        model.objects.bulk_create(model() for _ in range(recording.LIMIT + 1))
        model.objects.update(amount=1)
        with transaction.atomic():
            with transaction.atomic():
                model.objects.update(amount=2)
                transaction.set_rollback(True)
            model.objects.filter(pk=model.objects.first().pk).update(amount=3)
        assert self.counted(model) == (recording.LIMIT, 2)

    def test_the_next_hour_has_records_again(self, model):
        model.objects.bulk_create(model() for _ in range(recording.LIMIT + 1))
        model.objects.update(amount=1)
        self.an_hour_passes()
        model.objects.update(amount=2)
        assert self.counted(model) == (2 * recording.LIMIT, 2)

    def set_variable(self, own, model, value, name="keep"):
        """Set what counts the violations of a transaction, as any role can."""
        own.execute(
            "SELECT set_config('pgtrigger.counted_' || md5(%s), %s, false)",
            [f"{model._meta.label}:{name}", value],
        )

    @pytest.mark.parametrize("value", ["1", "9" * 18, "9" * 30])
    def test_a_variable_cannot_suppress_records(self, model, value):
        row = model.objects.create()
        with connect() as own:
            self.set_variable(own, model, value)
            own.execute(f"UPDATE {model._meta.db_table} SET amount = 1 WHERE id = %s", [row.pk])
        assert self.counted(model) == (1, 0)

    def test_a_lock_cannot_suppress_records(self, model):
        """Any role can take the lock under which the sequence is set to the hour."""
        row = model.objects.create()
        with connect() as own, own.transaction():
            own.execute(
                "SELECT pg_advisory_lock(hashoid(s.oid), h + extract(epoch FROM now())::int / 3600)"
                " FROM pg_class s, generate_series(-1, 1) h"
                " WHERE relkind = 'S' AND relname LIKE 'pgtrigger_reports_%'"
            )
            model.objects.filter(pk=row.pk).update(amount=1)
        assert self.counted(model) == (1, 0)

    def test_a_wrong_count_does_not_fail_the_writers_after_it(self, model):
        model.objects.bulk_create(model() for _ in range(recording.LIMIT + 1))
        model.objects.update(amount=1)
        statement = f"UPDATE {model._meta.db_table} SET amount = amount + 1 WHERE id = %s"
        row = model.objects.first()
        with connect() as own:
            for value in ("9" * 18, "9223372036854775806", "9" * 30):
                for _ in range(12):
                    self.set_variable(own, model, "")
                    with own.transaction():
                        own.execute(statement, [row.pk])
                        self.set_variable(own, model, value)
        records, number = self.counted(model)
        assert records == recording.LIMIT
        assert number > recording.LARGEST

    def test_a_session_cannot_lock_the_counter_of_another(self, model):
        first, second = model.objects.create(), model.objects.create()
        model.objects.bulk_create(model() for _ in range(recording.LIMIT))
        model.objects.update(amount=1)
        statement = f"UPDATE {model._meta.db_table} SET amount = amount + 1 WHERE id = %s"
        with connect() as one, connect() as other:
            other.execute("SET lock_timeout = '1ms'")
            with other.transaction():
                other.execute(statement, [second.pk])
            (number,) = other.execute(
                "SELECT split_part(virtualtransaction, '/', 1) FROM pg_locks"
                " WHERE pid = pg_backend_pid() LIMIT 1"
            ).fetchone()
            one.execute(f"SET pgtrigger.backend = '{one.info.backend_pid}/{number}'")
            with one.transaction(), other.transaction():
                one.execute(statement, [first.pk])
                other.execute(statement, [second.pk])

    def an_hour_passes(self):
        """Set the sequences to the last hour, which is all that the functions know of time."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval(oid::regclass, last - (1::int8 << 32)) FROM pg_class,"
                " pg_sequence_last_value(oid::regclass) last"
                " WHERE relkind = 'S' AND relname LIKE 'pgtrigger_reports_%%' AND last > 0"
            )

    @at_every_level
    @with_connections
    def test_writers_at_once_record_all_and_none_repeats(self, invoice, level, number):
        model = invoice(pgtrigger.Protect(name="keep", operation=pgtrigger.Insert, mode="report"))
        statement = f"INSERT INTO {model._meta.db_table} (status, amount) VALUES ('', 0)"
        transactions, total = [], 2 * recording.LIMIT

        def write(own, chance):
            transactions.append(own)
            for _ in range(total // number // 5):
                own.execute(statement)

        assert race(number, level, 5, write) == []
        assert len(transactions) == number * 5
        assert self.counted(model) == (recording.LIMIT, total - recording.LIMIT)

    @at_every_level
    def test_no_writer_waits_for_one_that_has_not_ended(self, model, level):
        first, second = model.objects.create(), model.objects.create()
        statement = f"UPDATE {model._meta.db_table} SET amount = amount + 1 WHERE id = %s"
        model.objects.bulk_create(model() for _ in range(recording.LIMIT - 1))
        for prepare in (lambda: None, lambda: model.objects.update(amount=1), self.an_hour_passes):
            prepare()
            with connect(level) as one, connect(level) as other:
                other.execute("SET lock_timeout = '1ms'")
                with one.transaction(), other.transaction():
                    for _ in range(3):
                        one.execute(statement, [first.pk])
                        other.execute(statement, [second.pk])
        records, counted = self.counted(model)
        assert records + counted == 18 + recording.LIMIT + 1
