"""Every query inside ``with pghistory.as_of(time)`` reads the tables as they were."""

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F, Prefetch
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

import pghistory
import pgtrigger
from pghistory import PastError
from pghistory.models import Maintenance
from pghistory.past import migrating, schemas, view_statements, views
from tests.pghistory.models import (
    Account,
    Animal,
    Author,
    Book,
    Dog,
    Employee,
    Seat,
    StatementLevel,
    TrackedAuthor,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def past():
    """Two books of two authors, one of which changes, and the time between."""
    ada, bob = Author.objects.create(name="Ada"), Author.objects.create(name="Bob")
    first = Book.objects.create(title="Emma", author=ada)
    Book.objects.create(title="Second", author=ada, twin=first)
    then = timezone.now()
    Book.objects.filter(title="Emma").update(author=bob, title="Emma 2")
    Author.objects.filter(name="Ada").update(name="Eve")
    Book.objects.filter(title="Second").delete()
    return then


class TestReading:
    def test_joins_reverse_sets_and_aggregates(self, past):
        with pghistory.as_of(past):
            assert Book.objects.get(title="Emma").author.name == "Ada"
            assert [b.title for b in Author.objects.get(name="Ada").books.order_by("id")] == [
                "Emma",
                "Second",
            ]
            assert Book.objects.filter(author__name="Ada", twin__title="Emma").count() == 1
            counted = Author.objects.annotate(n=Count("books")).order_by("name")
            assert list(counted.values_list("name", "n")) == [("Ada", 2), ("Bob", 0)]
            [ada] = Author.objects.annotate(n=Count("books")).filter(n=2)
            assert ada.name == "Ada"
        assert Book.objects.get().author.name == "Bob"

    def test_prefetch_and_select_related(self, past):
        with pghistory.as_of(past):
            [ada] = Author.objects.filter(name="Ada").prefetch_related("books")
            [book] = Book.objects.filter(title="Emma").select_related("author")
        assert {book.title for book in ada.books.all()} == {"Emma", "Second"}
        assert book.author.name == "Ada"

    def test_raw_sql_and_a_server_side_cursor(self, past):
        with pghistory.as_of(past), connection.cursor() as cursor:
            cursor.execute("SELECT title FROM pghistory_tests_book ORDER BY title")
            assert cursor.fetchall() == [("Emma",), ("Second",)]
            assert {book.title for book in Book.objects.iterator()} == {"Emma", "Second"}

    def test_a_decorator_and_async_code(self, past):
        @pghistory.as_of(past)
        def titles():
            return set(Book.objects.values_list("title", flat=True))

        @pghistory.as_of(past)
        async def decorated():
            return {title async for title in Book.objects.values_list("title", flat=True)}

        async def async_titles():
            async with pghistory.as_of(past):
                return {title async for title in Book.objects.values_list("title", flat=True)}

        assert (
            titles()
            == async_to_sync(async_titles)()
            == async_to_sync(decorated)()
            == {"Emma", "Second"}
        )

    def test_inside_a_transaction_and_after_it(self, past):
        with transaction.atomic():
            with pghistory.as_of(past):
                assert Book.objects.count() == 2
            assert Book.objects.count() == 1
        assert Book.objects.count() == 1

    def test_an_inner_scope_shows_its_own_time(self, past):
        now = timezone.now()
        with pghistory.as_of(past):
            with pghistory.as_of(now):
                assert Book.objects.count() == 1
            assert Book.objects.count() == 2

    def test_rows_with_composite_keys_are_read(self):
        seat = Seat.objects.create(row="A", number=1, guest="Ada")
        then = timezone.now()
        Seat.objects.update(guest="Bob")
        with pghistory.as_of(then):
            assert Seat.objects.get(pk=seat.pk).guest == "Ada"

    def test_a_many_to_many_relation_without_pgh_obj(self, past):
        book, author = Book.objects.get(), Author.objects.get(name="Bob")
        book.readers.add(author)
        then = timezone.now()
        book.readers.clear()
        with pghistory.as_of(then):
            assert Book.objects.get().readers.get().name == "Bob"
            assert Book.objects.filter(readers=author).count() == 1
        with pghistory.as_of(past):
            assert not Book.readers.through.objects.exists()
        assert not book.readers.exists()

    def test_prepared_statements_survive(self, past, monkeypatch):
        monkeypatch.setattr(connection.connection, "prepare_threshold", 0)
        for _ in range(2):
            assert Book.objects.filter(title="Emma").count() == 0
            with pghistory.as_of(past):
                assert Book.objects.filter(title="Emma").count() == 1

    def test_nothing_is_left_on_the_connection(self, past):
        with pghistory.as_of(past):
            Book.objects.count()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('search_path'), current_setting(%s, true)", [schemas.TIME]
            )
            path, time = cursor.fetchone()
        assert schemas.PAST not in path
        assert not time


@pytest.fixture
def reader():
    """A role that may read some of the tracked tables, and no events."""
    role = sql.Identifier("pghistory_tests_reader")
    tables = sql.SQL("pghistory_tests_book, pghistory_tests_author, pghistory_tests_dog")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE ROLE {}").format(role))
        cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(tables, role))
    views.install("default")
    yield role
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
    views.install("default")


class TestRoles:
    def test_a_role_that_may_read_a_table_may_read_its_past(self, past, reader):
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SET ROLE {}").format(reader))
        with pghistory.as_of(past):
            assert Book.objects.get(title="Emma").author.name == "Ada"
            with pytest.raises(DatabaseError, match="permission denied"):
                Seat.objects.count()
        with pytest.raises(DatabaseError, match="permission denied"):
            Book.pgh_event_model.objects.count()

    @pytest.fixture
    def policy(self, reader):
        """Hide Bob from the role, in the table and in its events."""
        tables = "pghistory_tests_author", "pghistory_tests_trackedauthorevent"
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
                cursor.execute(f"CREATE POLICY no_bob ON {table} USING (name <> 'Bob')")
        views.install("default")
        yield
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            for table in tables:
                cursor.execute(f"DROP POLICY no_bob ON {table}")
                cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    def test_row_level_security_applies_to_the_past_of_a_table(self, past, reader, policy):
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("GRANT SELECT ON pghistory_tests_trackedauthorevent TO {}").format(reader)
            )
            cursor.execute(sql.SQL("SET ROLE {}").format(reader))
        assert [author.name for author in Author.objects.all()] == ["Eve"]
        with pghistory.as_of(past):
            if connection.pg_version < view_statements.SECURITY_INVOKER:
                with pytest.raises(DatabaseError, match="needs PostgreSQL 15"):
                    Author.objects.count()
            else:
                assert [author.name for author in Author.objects.all()] == ["Ada"]

    def test_the_past_of_a_secured_table_needs_the_privilege_to_read_events(
        self, past, reader, policy
    ):
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SET ROLE {}").format(reader))
        with pghistory.as_of(past), pytest.raises(DatabaseError, match=r"permission denied|needs"):
            Author.objects.count()

    def test_completeness_is_checked_for_it_too(self, past, reader):
        Maintenance.objects.filter(event_table="pghistory_tests_bookevent").update(
            complete_from=timezone.now()
        )
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("SET ROLE {}").format(reader))
        with pghistory.as_of(past), pytest.raises(DatabaseError, match="is complete from"):
            Book.objects.count()


class TestRefusals:
    def test_an_untracked_table_raises(self, past):
        with pghistory.as_of(past), pytest.raises(DatabaseError, match='untracked="today"'):
            list(Animal.objects.all())

    def test_an_untracked_table_as_it_is_today(self, past):
        Account.objects.create()
        with pghistory.as_of(past, untracked="today"):
            assert list(Animal.objects.all()) == []

    @pytest.mark.parametrize(
        "write",
        [
            lambda: Book.objects.update(title="changed"),
            lambda: Author.objects.create(name="new"),
            lambda: Book.readers.through.objects.all().delete(),
            lambda: connection.cursor().execute(
                "WITH gone AS (DELETE FROM pghistory_tests_book RETURNING id) SELECT * FROM gone"
            ),
        ],
    )
    @pytest.mark.parametrize("untracked", ["raise", "today"])
    def test_writing_inside_as_of_raises(self, past, write, untracked):
        with (
            pghistory.as_of(past, untracked=untracked),
            pytest.raises((PastError, DatabaseError), match=r"nothing can be written|not tracked"),
        ):
            write()
        assert Book.objects.get().title == "Emma 2"

    def test_a_view_cannot_be_written_by_the_raw_driver(self, past):
        with pghistory.as_of(past), transaction.atomic():
            Book.objects.count()
            with pytest.raises(Exception, match="cannot update view"):
                connection.connection.execute("UPDATE pghistory_tests_book SET title = ''")
            transaction.set_rollback(True)

    def test_schema_inside_and_outside(self, past):
        with pghistory.as_of(past), pytest.raises(ValueError, match="outside"):
            pgtrigger.schema("public").__enter__()
        with pgtrigger.schema("public"), pytest.raises(ValueError, match="leave it first"):
            pghistory.as_of(past).__enter__()

    def test_a_time_before_complete_tracking_names_the_earliest(self, past):
        Maintenance.objects.filter(event_table="pghistory_tests_bookevent").update(
            complete_from=timezone.now()
        )
        with (
            pghistory.as_of(past),
            pytest.raises(DatabaseError, match=r"is complete from .* on"),
        ):
            Book.objects.filter(pk=0).exists()

    def test_rows_without_events_are_not_complete(self, past):
        Maintenance.objects.filter(event_table="pghistory_tests_bookevent").update(finished_at=None)
        with pghistory.as_of(past), pytest.raises(DatabaseError, match="rows without events"):
            Book.objects.exists()

    def test_it_raises_while_migrations_run(self, past):
        views.set_aside("default")
        try:
            with pytest.raises(PastError, match=r"manage\.py migrate"):
                pghistory.as_of(past).__enter__()
        finally:
            views.install("default")

    def test_a_table_whose_name_has_a_schema_raises(self, past, monkeypatch):
        # PostgreSQL would read the table itself, whatever the search_path is.
        monkeypatch.setattr(Author._meta, "db_table", '"public"."pghistory_tests_author"')
        assert Author.objects.count() == 2
        with (
            pghistory.as_of(past),
            pytest.raises(PastError, match=r"Author has a schema in its name"),
        ):
            Book.objects.filter(author__name="Ada").count()

    def test_something_that_is_not_a_time(self):
        with pytest.raises(TypeError, match="takes a datetime"):
            pghistory.as_of("yesterday")


class TestObjects:
    def test_relations_of_an_object_after_the_block_raise(self, past):
        with pghistory.as_of(past):
            book = Book.objects.get(title="Emma")
            author = Author.objects.get(name="Ada")
        for follow in (
            lambda: book.author,
            lambda: list(author.books.all()),
            lambda: list(book.readers.all()),
        ):
            with pytest.raises(PastError, match="would read today's rows"):
                follow()

    def test_relations_in_a_block_of_another_time_raise(self, past):
        with pghistory.as_of(past):
            book = Book.objects.get(title="Emma")
        with pghistory.as_of(timezone.now()), pytest.raises(PastError):
            book.author.name  # noqa: B018
        with pghistory.as_of(past):
            assert book.author.name == "Ada"

    def test_history_as_of_joins_rows_of_the_same_time(self, past):
        found = Book.history.as_of(past)
        assert found.filter(author__name="Ada").count() == 2
        assert found.select_related("author").get(title="Emma").author.name == "Ada"
        with pytest.raises(PastError):
            found.get(title="Emma").author  # noqa: B018
        assert {book.title for book in found.iterator()} == {"Emma", "Second"}
        prefetched = found.prefetch_related(Prefetch("author"))
        assert {book.author.name for book in prefetched} == {"Ada"}

    def test_one_object_does_not_follow_relations_to_today(self, past):
        book = pghistory.as_of(Book.objects.get(), past)
        assert book.title == "Emma"
        with pytest.raises(PastError):
            book.author  # noqa: B018


class TestInheritance:
    """A child is tracked, and its parent is not."""

    def test_a_queryset_of_the_child(self):
        rex = Dog.objects.create(name="Rex", tricks=1)
        Dog.objects.create(name="Laika", tricks=2)
        then = timezone.now()
        Animal.objects.filter(pk=rex.pk).update(name="Max")
        Dog.objects.filter(name="Laika").delete()
        found = Dog.history.as_of(then)
        assert list(found.order_by("name").values_list("name", "tricks")) == [
            ("Laika", 2),
            ("Rex", 1),
        ]
        assert found.get(name="Rex").pk == rex.pk
        assert found.filter(name__startswith="L", tricks__gt=1).count() == 1

    def test_a_parents_table_by_itself_raises(self):
        Dog.objects.create(name="Rex")
        with (
            pghistory.as_of(timezone.now()),
            pytest.raises(DatabaseError, match="animal is not tracked"),
        ):
            Animal.objects.count()

    def test_a_masked_field_of_the_parent(self):
        employee = Employee.objects.create(name="Ada", secret="s3cret", salary=1)
        then = timezone.now()
        Employee.objects.update(salary=2)
        found = Employee.history.as_of(then).get(pk=employee.pk)
        assert (found.name, found.secret, found.salary) == ("Ada", None, 1)


class TestCompleteness:
    def test_a_table_that_was_empty_is_complete_from_the_beginning(self):
        migrating.after_migrate("default")
        record = Maintenance.objects.get(
            action="track", event_table="pghistory_tests_statementlevelevent"
        )
        assert (record.complete_from, record.finished_at is None) == (None, False)

    def test_a_table_with_rows_is_complete_after_a_backfill(self):
        events = "pghistory_tests_statementlevelevent"
        with pgtrigger.ignore():
            StatementLevel.objects.create(number=1)
        Maintenance.objects.filter(event_table=events).delete()
        migrating.after_migrate("default")
        with (
            pghistory.as_of(timezone.now()),
            pytest.raises(DatabaseError, match="rows without events"),
        ):
            StatementLevel.objects.exists()
        from django.core.management import call_command

        call_command("pghistory", "backfill", "pghistory_tests.StatementLevel", verbosity=0)
        with pghistory.as_of(timezone.now()):
            assert StatementLevel.objects.get().number == 1


keys = st.integers(1, 4)
steps = st.one_of(
    st.tuples(st.just("author"), keys, keys),
    st.tuples(st.just("book"), keys, keys),
    st.tuples(st.just("unlink"), keys, keys),
    st.tuples(st.just("delete"), keys, keys),
)


def take(kind, key, other):
    if kind == "author":
        Author.objects.update_or_create(pk=key, defaults={"name": f"a{key}-{other}"})
    elif kind == "book":
        author = Author.objects.filter(pk=other).first()
        Book.objects.update_or_create(pk=key, defaults={"title": f"b{key}", "author": author})
    elif kind == "unlink":
        Book.objects.filter(author_id=key).update(author=None, odd=other)
    else:
        Book.objects.filter(pk=key).delete()


QUERIES = [
    lambda: Book.objects.order_by("pk").values_list("pk", "title", "author__name", "odd"),
    lambda: (
        Author.objects.order_by("pk")
        .values_list("pk", "name", "books__title")
        .order_by("pk", "books__pk")
    ),
    lambda: Author.objects.annotate(n=Count("books")).order_by("pk").values_list("name", "n"),
    lambda: Book.objects.filter(author__name__endswith="1").order_by("pk").values_list("pk"),
    lambda: Book.objects.exclude(author__books__odd__gt=1).order_by("pk").values_list("pk"),
    lambda: Author.objects.filter(books=None).order_by("pk").values_list("pk"),
    lambda: [
        (author.pk, sorted(book.title for book in author.books.all()))
        for author in Author.objects.order_by("pk").prefetch_related("books")
    ],
    lambda: [(b.pk, b.author and b.author.name) for b in Book.objects.order_by("pk")],
    lambda: (
        Book.objects.values("author")
        .annotate(n=Count("pk"))
        .order_by("author")
        .values_list("author", "n")
    ),
    lambda: Book.objects.filter(pk=F("author_id")).order_by("pk").values_list("title"),
]


def answers():
    return [list(query()) for query in QUERIES]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(steps, max_size=4), min_size=1, max_size=4))
def test_ten_queries_give_what_they_gave_at_that_time(transactions):
    for model in (Book, Author, TrackedAuthor.pgh_event_model):
        model.objects.all().delete()
    Book.pgh_event_model.objects.all().delete()
    kept = []
    for each in transactions:
        with transaction.atomic():
            for step in each:
                take(*step)
        kept.append((timezone.now(), answers()))
    for time, expected in kept:
        with pghistory.as_of(time):
            assert answers() == expected
