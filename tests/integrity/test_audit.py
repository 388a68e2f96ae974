import json
from contextlib import suppress
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, connection

from integrity.audit import KINDS, Finding, audit

pytestmark = pytest.mark.django_db

TABLE = "integrity_tests_team"


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def found(kind: str) -> list[tuple[str, str, str, str]]:
    """Return the findings of one kind in the schema s."""
    return [
        (finding.schema, finding.table, finding.name, finding.detail)
        for finding in audit(skip=set(KINDS) - {kind})
        if finding.schema == "s"
    ]


@pytest.fixture(autouse=True)
def _tables() -> None:
    execute(
        "CREATE SCHEMA s;"
        "CREATE TABLE s.author (id int PRIMARY KEY, born int);"
        "CREATE TABLE s.book (id int PRIMARY KEY, author_id int, year int)"
    )


class TestNotValid:
    def test_a_constraint_that_was_not_validated_is_found(self) -> None:
        execute("ALTER TABLE s.author ADD CONSTRAINT old CHECK (born > 0) NOT VALID")
        assert found("not_valid") == [("s", "author", "old", "CHECK ((born > 0)) NOT VALID")]

    def test_one_that_was_is_not(self) -> None:
        execute("ALTER TABLE s.author ADD CONSTRAINT old CHECK (born > 0) NOT VALID")
        execute("ALTER TABLE s.author VALIDATE CONSTRAINT old")
        assert found("not_valid") == []


class TestUnindexedForeignKey:
    @pytest.fixture(autouse=True)
    def _foreign_key(self, _tables: None) -> None:
        execute(
            "ALTER TABLE s.author ADD UNIQUE (id, born);"
            "ALTER TABLE s.book ADD CONSTRAINT fk FOREIGN KEY (author_id, year)"
            " REFERENCES s.author (id, born)"
        )

    def test_one_without_index_is_found(self) -> None:
        assert [name for _, _, name, _ in found("unindexed_foreign_key")] == ["fk"]

    @pytest.mark.parametrize("index", ["author_id, year", "year, author_id", "year, author_id, id"])
    def test_one_whose_columns_begin_an_index_is_not(self, index: str) -> None:
        execute(f"CREATE INDEX ON s.book ({index})")
        assert found("unindexed_foreign_key") == []

    @pytest.mark.parametrize("index", ["author_id", "id, author_id, year", "author_id, year WHERE"])
    def test_an_index_that_does_not_serve_does_not_count(self, index: str) -> None:
        columns, where, _ = index.partition(" WHERE")
        execute(f"CREATE INDEX ON s.book ({columns}){where and ' WHERE id > 1'}")
        assert len(found("unindexed_foreign_key")) == 1


class TestDeferrable:
    def test_a_deferrable_constraint_is_found(self) -> None:
        execute("ALTER TABLE s.book ADD CONSTRAINT late UNIQUE (year) DEFERRABLE")
        assert found("deferrable") == [("s", "book", "late", "UNIQUE (year) DEFERRABLE")]

    def test_another_is_not(self) -> None:
        execute("ALTER TABLE s.book ADD CONSTRAINT prompt UNIQUE (year)")
        assert found("deferrable") == []


class TestSequence:
    @pytest.mark.parametrize(
        ("sequence", "last", "of"),
        [
            ("AS smallint", 16384, "16384 of 32767, the last of smallint"),
            ("AS integer", 2**30, "1073741824 of 2147483647, the last of integer"),
            ("MAXVALUE 10", 6, "6 of 10, the last of bigint"),
            ("INCREMENT -1 MINVALUE -10", -6, "-6 of -10, the last of bigint"),
        ],
    )
    def test_one_past_half_of_its_type_is_found(self, sequence: str, last: int, of: str) -> None:
        execute(f"CREATE SEQUENCE s.numbers {sequence}; SELECT setval('s.numbers', {last})")
        assert found("sequence") == [("s", "", "numbers", of)]

    def test_one_past_half_of_its_columns_type_is_found(self) -> None:
        execute(
            "CREATE SEQUENCE s.numbers OWNED BY s.book.id; SELECT setval('s.numbers', 2000000000)"
        )
        ((_, table, name, detail),) = found("sequence")
        assert (table, name) == ("book", "numbers")
        assert detail.endswith("of 2147483647, the last of integer")

    def test_one_before_that_or_unused_is_not(self) -> None:
        execute("CREATE SEQUENCE s.unused AS smallint")
        execute("CREATE SEQUENCE s.numbers AS smallint; SELECT setval('s.numbers', 16383)")
        assert found("sequence") == []


class TestDisabledTrigger:
    @pytest.fixture(autouse=True)
    def _trigger(self, _tables: None) -> None:
        execute(
            "CREATE FUNCTION s.nothing() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN RETURN NEW; END';"
            "CREATE TRIGGER rule BEFORE INSERT ON s.book FOR EACH ROW EXECUTE FUNCTION s.nothing()"
        )

    @pytest.mark.parametrize(
        ("state", "detail"),
        [("DISABLE", "disabled"), ("ENABLE REPLICA", "enabled for replicas only")],
    )
    def test_one_that_does_not_fire_is_found(self, state: str, detail: str) -> None:
        execute(f"ALTER TABLE s.book {state} TRIGGER rule")
        assert found("disabled_trigger") == [("s", "book", "rule", detail)]

    @pytest.mark.parametrize("state", ["ENABLE", "ENABLE ALWAYS"])
    def test_one_that_fires_is_not(self, state: str) -> None:
        execute(f"ALTER TABLE s.book {state} TRIGGER rule")
        assert found("disabled_trigger") == []

    def test_a_foreign_key_that_is_switched_off_is_found_once(self) -> None:
        execute("ALTER TABLE s.book ADD CONSTRAINT fk FOREIGN KEY (author_id) REFERENCES s.author")
        execute("ALTER TABLE s.book DISABLE TRIGGER ALL")
        assert [name for _, _, name, _ in found("disabled_trigger")] == ["fk", "rule"]


class TestCommand:
    def run(self, *arguments: str) -> tuple[int, str]:
        """The exit code and the output."""
        out = StringIO()
        try:
            call_command("integrity", "audit", *arguments, stdout=out, no_color=True)
        except SystemExit as exit_:
            return int(str(exit_.code)), out.getvalue()
        return 0, out.getvalue()

    def skip_all_but(self, kind: str) -> list[str]:
        return [f"--skip={other}" for other in KINDS if other != kind]

    def test_findings_are_a_table_and_exit_1(self) -> None:
        execute("ALTER TABLE s.author ADD CONSTRAINT old CHECK (born > 0) NOT VALID")
        code, output = self.run(*self.skip_all_but("not_valid"))
        assert code == 1
        assert output.splitlines() == [
            KINDS["not_valid"],
            "  s.author  old  CHECK ((born > 0)) NOT VALID",
            "",
            "1 found.",
        ]

    def test_nothing_found_exits_0(self) -> None:
        assert self.run(*self.skip_all_but("not_valid")) == (0, "Nothing found.\n")

    def test_json_is_one_object_per_finding(self) -> None:
        execute("ALTER TABLE s.author ADD CONSTRAINT old CHECK (born > 0) NOT VALID")
        code, output = self.run("--format=json", *self.skip_all_but("not_valid"))
        detail = "CHECK ((born > 0)) NOT VALID"
        assert code == 1
        assert json.loads(output) == [
            {"kind": "not_valid", "schema": "s", "table": "author", "name": "old", "detail": detail}
        ]

    def test_nothing_found_is_json_too(self) -> None:
        assert self.run("--format=json", *self.skip_all_but("not_valid")) == (0, "[]\n")

    def test_a_database_that_cannot_be_read_exits_2(self) -> None:
        with suppress(DataError):
            execute("SELECT 1 / 0")
        with pytest.raises(CommandError, match="Cannot read the catalog") as raised:
            self.run()
        assert raised.value.returncode == 2

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(ValueError, match="shoe"):
            audit(skip=["shoe"])
        with pytest.raises(CommandError, match="invalid choice: 'shoe'"):
            self.run("--skip=shoe")


def test_a_finding_says_where_it_is() -> None:
    execute("ALTER TABLE s.author ADD CONSTRAINT old CHECK (born > 0) NOT VALID")
    detail = "CHECK ((born > 0)) NOT VALID"
    assert Finding("not_valid", "s", "author", "old", detail) in audit()
