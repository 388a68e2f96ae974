"""``Count`` and ``Sum``: a parent's number that follows the rows that refer to it."""

import io
import random
from decimal import Decimal

import psycopg
import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, models, transaction
from django.db.models import F, Q
from django.test.utils import CaptureQueriesContext

import pgtrigger
from pgtrigger import DeclarationError, TriggerError
from pgtrigger.forms import forecast
from tests.pgtrigger.concurrent import at_every_level, connect, race, with_connections
from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])
WHERE = Q(is_public=True)


@pytest.fixture
def family(make_model):
    """Posts with two numbers, and their comments."""
    post = make_model(
        comment_count=models.IntegerField(default=0, db_column="odd number {x}"),
        total=models.DecimalField(max_digits=20, decimal_places=2, default=0),
        is_active=models.BooleanField(default=True),
    )
    comment = make_model(
        post=models.ForeignKey(post, models.CASCADE, null=True, db_column="the post"),
        is_public=models.BooleanField(default=True),
        amount=models.DecimalField(max_digits=9, decimal_places=2, null=True),
        triggers=[
            pgtrigger.Count("post.comment_count", where=WHERE),
            pgtrigger.Sum("post.total", of="amount"),
        ],
    )
    return post, comment


def numbers(post):
    return {pk: (count, total) for pk, count, total in post.objects.values_list(
        "pk", "comment_count", "total")}  # fmt: skip


def calculated(post, comment):
    found = {pk: [0, Decimal()] for pk in post.objects.values_list("pk", flat=True)}
    for key, is_public, amount in comment.objects.values_list("post", "is_public", "amount"):
        if key is not None:
            found[key][0] += is_public
            found[key][1] += amount or 0
    return {key: tuple(value) for key, value in found.items()}


def test_every_write_is_counted_as_a_plain_calculation_says(family):
    post, comment = family
    chance = random.Random(5)
    posts = post.objects.bulk_create([post() for _ in range(5)])

    def some():
        return comment.objects.filter(
            pk__in=chance.sample(keys, min(len(keys), chance.randrange(9)))
        )

    def rows(number):
        return [
            comment(
                post=chance.choice([*posts, None]),
                is_public=chance.random() < 0.7,
                amount=chance.choice([None, Decimal("1.25"), -3]),
            )
            for _ in range(number)
        ]

    for step in range(150):
        keys = list(comment.objects.values_list("pk", flat=True))
        match chance.randrange(7):
            case 0:
                comment.objects.bulk_create(rows(chance.choice([1, 2, 40])))
            case 1:
                some().update(post=chance.choice([*posts, None]))
            case 2:
                some().update(is_public=chance.random() < 0.5, amount=F("amount") + 1)
            case 3:
                some().delete()
            case 4:
                known = [comment(pk=pk, post=chance.choice(posts)) for pk in keys[:3]]
                comment.objects.bulk_create(
                    known or rows(2),
                    update_conflicts=True,
                    unique_fields=["pk"],
                    update_fields=["post"],
                )
            case 5 if step % 10 == 0:
                execute(f"TRUNCATE {comment._meta.db_table}")
            case 6 if step % 10 == 0:
                chance.choice(posts).delete()
                post.objects.create()
                posts = list(post.objects.all())
        assert numbers(post) == calculated(post, comment)


def test_a_statement_of_a_thousand_rows_is_one_update(family):
    post, comment = family
    parents = post.objects.bulk_create([post() for _ in range(3)])
    execute("CREATE TEMP TABLE updates (one int)")
    execute(
        "CREATE FUNCTION pg_temp.log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO updates VALUES (1); RETURN NULL; END $$;"
        f"CREATE TRIGGER log AFTER UPDATE ON {post._meta.db_table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.log()"
    )
    with CaptureQueriesContext(connection):
        comment.objects.bulk_create([comment(post=parents[n % 3], amount=1) for n in range(1000)])
    assert execute("SELECT count(*) FROM updates") == [(2,)]  # one each: Count and Sum
    assert sorted(count for count, _ in numbers(post).values()) == [333, 333, 334]


def test_soft_deleted_rows_are_not_counted(make_model):
    post = make_model(comment_count=models.IntegerField(default=0))
    comment = make_model(
        post=models.ForeignKey(post, models.CASCADE),
        is_active=models.BooleanField(default=True),
        triggers=[
            pgtrigger.SoftDelete(name="soft", field="is_active"),
            pgtrigger.Count("post.comment_count", where=Q(is_active=True)),
        ],
    )
    parent = post.objects.create()
    rows = comment.objects.bulk_create([comment(post=parent) for _ in range(3)])
    rows[0].delete()
    comment.objects.filter(pk=rows[1].pk).delete()
    assert post.objects.get().comment_count == 1
    comment.objects.update(is_active=True)
    assert post.objects.get().comment_count == 3


def test_a_table_may_refer_to_itself(make_model):
    node = make_model(
        parent=models.ForeignKey("self", models.CASCADE, null=True),
        child_count=models.IntegerField(default=0),
        triggers=[pgtrigger.Count("parent.child_count")],
    )
    root = node.objects.create()
    child = node.objects.create(parent=root)
    node.objects.create(parent=child)
    node.objects.create(parent=child)
    assert list(node.objects.order_by("pk").values_list("child_count", flat=True)) == [1, 2, 0, 0]


def test_the_number_is_read_only_in_forms_of_the_parent(family):
    post, comment = family
    assert forecast(post).read_only == {"comment_count", "total"}
    assert not forecast(comment).read_only


class TestATotalIsNeverWrong:
    @pytest.fixture
    def writer(self, family):
        """A role that may write comments."""
        post, comment = family
        parent = post.objects.create()
        execute("CREATE ROLE pgtrigger_writer")
        execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {comment._meta.db_table} TO pgtrigger_writer;"
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO pgtrigger_writer;"
            f"GRANT SELECT ON {post._meta.db_table} TO pgtrigger_writer"
        )
        yield parent
        execute("RESET ROLE")

    def test_a_writer_who_may_not_update_the_parent_is_refused(self, family, writer):
        _, comment = family
        execute("SET LOCAL ROLE pgtrigger_writer")
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            comment.objects.create(post=writer)

    @pytest.mark.parametrize("rows", [1, 5])
    def test_a_writer_from_whom_the_parent_is_hidden_is_refused(self, family, writer, rows):
        post, comment = family
        execute(
            f"GRANT UPDATE ON {post._meta.db_table} TO pgtrigger_writer;"
            f"ALTER TABLE {post._meta.db_table} ENABLE ROW LEVEL SECURITY;"
            f"CREATE POLICY active ON {post._meta.db_table} USING (is_active)"
        )
        post.objects.update(is_active=False)
        execute("SET LOCAL ROLE pgtrigger_writer")
        with pytest.raises(TriggerError, match="could not be updated"), transaction.atomic():
            comment.objects.bulk_create([comment(post_id=writer.pk) for _ in range(rows)])

    def test_a_parent_whose_trigger_suppresses_the_update_is_an_error(self, family):
        post, comment = family
        parent = post.objects.create()
        suppress = pgtrigger.Trigger(
            name="no", when=pgtrigger.Before, operation=pgtrigger.Update, func="RETURN NULL;"
        )
        suppress.install(post)
        with pytest.raises(TriggerError, match="could not be updated"), transaction.atomic():
            comment.objects.create(post=parent)

    def test_a_parent_that_is_not_there_yet_is_an_error(self, family):
        _, comment = family
        with pytest.raises(TriggerError, match="could not be updated"), transaction.atomic():
            comment.objects.create(post_id=77)

    def test_a_parent_that_is_gone_needs_none(self, family):
        post, comment = family
        parent = post.objects.create()
        comment.objects.create(post=parent)
        execute(f"DELETE FROM {post._meta.db_table}")  # the foreign key is checked at COMMIT
        comment.objects.all().delete()
        assert not comment.objects.exists()


class TestRecount:
    def recount(self, *arguments):
        out = io.StringIO()
        call_command("pgtrigger", "recount", *arguments, stdout=out)
        return out.getvalue()

    def test_it_reports_and_repairs_differences(self, family):
        post, comment = family
        right, wrong = post.objects.create(), post.objects.create()
        comment.objects.create(post=wrong, amount=2)
        post.objects.filter(pk=wrong.pk).update(comment_count=9)
        uri = f"{comment._meta.label}:post_comment_count"
        with pytest.raises(SystemExit):
            self.recount(uri, "--check")
        assert self.recount(uri) == f"{uri}: 1 repaired\n  {wrong.pk}: 9, counted 1\n"
        assert numbers(post) == {right.pk: (0, 0), wrong.pk: (1, 2)}
        assert self.recount(uri, "--check") == f"{uri}: 0 wrong\n"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: pgtrigger.Count("post"), "expected a foreign key and a field"),
        (lambda: pgtrigger.Count("amount.x"), "is not a foreign key"),
        (lambda: pgtrigger.Count("post.nothing"), "no field named 'nothing'"),
        (lambda: pgtrigger.Count("post.text"), "expected an IntegerField"),
        (lambda: pgtrigger.Count("post.id"), "must be a plain number"),
        (lambda: pgtrigger.Count("post.nullable"), "not null"),
        (lambda: pgtrigger.Count("post.count", where=Q(post__text="x")), "follows a relation"),
        (lambda: pgtrigger.Sum("post.count", of="ratio"), "a sum of floats drifts"),
        (lambda: pgtrigger.Sum("post.count", of="amount"), "fewer decimal places"),
    ],
)
def test_what_cannot_make_sense_is_refused_at_load(make_model, make, reason):
    post = make_model(
        text=models.TextField(default=""),
        nullable=models.IntegerField(null=True),
        count=models.IntegerField(default=0),
        table=False,
    )
    with pytest.raises(DeclarationError, match=reason):
        make_model(
            post=models.ForeignKey(post, models.CASCADE),
            amount=models.DecimalField(max_digits=9, decimal_places=2),
            ratio=models.FloatField(default=0),
            triggers=[make()],
            table=False,
        )


@committed
@with_connections
@at_every_level
def test_no_row_is_missed_by_connections_that_write_at_the_same_time(family, number, level):
    post, comment = family
    keys = [each.pk for each in post.objects.bulk_create([post() for _ in range(3)])]
    table = comment._meta.db_table

    def write(own, chance):
        first, second = chance.choice(keys), chance.choice(keys)
        own.execute(
            f'INSERT INTO {table} ("the post", is_public, amount)'
            " VALUES (%s, true, 1.5), (%s, true, 2), (%s, false, 3)",
            [first, second, first],
        )
        if chance.random() < 0.5:
            own.execute(
                f'UPDATE {table} SET "the post" = %s WHERE id IN'
                f" (SELECT id FROM {table} ORDER BY random() LIMIT 3)",
                [second],
            )

    assert race(number, level, 8, write) == []
    assert numbers(post) == calculated(post, comment)
    assert sum(count for count, _ in numbers(post).values()) == number * 16


@committed
@with_connections
@at_every_level
def test_no_number_is_wrong_if_the_table_is_truncated_meanwhile(family, number, level):
    post, comment = family
    keys = [each.pk for each in post.objects.bulk_create([post() for _ in range(3)])]
    table, posts = comment._meta.db_table, post._meta.db_table

    def write(own, chance):
        if chance.random() < 0.3:
            own.execute(f"SELECT count(*) FROM {posts}")
            own.execute(f"TRUNCATE {table}")
            return
        own.execute(
            f'INSERT INTO {table} ("the post", is_public, amount) VALUES (%s, true, 1.5)',
            [chance.choice(keys)],
        )

    refused = race(number, level, 12, write, also=("0A000",))
    assert ("0A000" in refused) == (level != "READ COMMITTED")
    assert numbers(post) == calculated(post, comment)


@committed
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_rows_that_the_transaction_cannot_see_are_not_truncated(family, level):
    post, comment = family
    key = post.objects.create().pk
    with connect(level) as first, connect() as second:
        first.execute("BEGIN")
        first.execute("SELECT count(*) FROM pg_class")
        second.execute(
            f'INSERT INTO {comment._meta.db_table} ("the post", is_public) VALUES ({key}, true)'
        )
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="isolation level"):
            first.execute(f"TRUNCATE {comment._meta.db_table}")
