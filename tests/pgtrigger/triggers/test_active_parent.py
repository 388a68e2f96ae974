"""``ActiveParent``: no active row refers to a soft-deleted one, in any order of writes."""

import random
import threading

import psycopg
import pytest
from django.db import models, transaction

import pgtrigger
from pgtrigger import DeclarationError, ProtectedError, RequirementError
from pgtrigger.triggers import registry
from tests.pgtrigger.concurrent import at_every_level, connect, race, with_connections
from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])


@pytest.fixture
def make_family(make_model):
    """Teams and members, both soft-deleted; the rule's options are given."""

    def make(**options):
        team = make_model(
            number=models.IntegerField(default=0),
            deleted_at=models.DateTimeField(null=True),
            triggers=[pgtrigger.SoftDelete(name="soft", field="deleted_at")],
        )
        rule = pgtrigger.ActiveParent("team", **options)
        member = make_model(
            team=models.ForeignKey(team, models.CASCADE, null=True),
            is_active=models.BooleanField(default=True),
            triggers=[pgtrigger.SoftDelete(name="soft", field="is_active"), rule],
        )
        rule.install(member)
        return team, member

    return make


@pytest.fixture
def family(make_family):
    return make_family()


def refused_with(write):
    try:
        with transaction.atomic():
            write()
    except (RequirementError, ProtectedError) as error:
        return type(error)
    return None


def test_a_write_is_refused_as_a_plain_calculation_says(family):
    team, member = family
    chance = random.Random(15)
    teams = {each.pk: True for each in team.objects.bulk_create([team() for _ in range(4)])}
    members = {}
    refusals = dict.fromkeys((None, RequirementError, ProtectedError), 0)
    for _ in range(300):
        key, target = chance.choice(list(teams)), chance.choice([*teams, None])
        row = chance.choice(list(members) or [0])
        is_active, team_of = members.get(row, (False, None))
        used = any(active and of == key for active, of in members.values())
        kind = chance.choice(["add", "move", "restore", "delete", "delete team", "restore team"])
        expected = None
        if kind == "add":
            expected = None if teams.get(target, True) else RequirementError
            active = chance.random() < 0.7
            expected = expected if active else None
            made = member(team_id=target, is_active=active)
            write = made.save
        elif kind == "move":
            expected = None if teams.get(target, True) or not is_active else RequirementError
            expected = None if target == team_of else expected
            write = lambda: member.objects.filter(pk=row).update(team=target)  # noqa: B023, E731
        elif kind == "restore":
            expected = None if teams.get(team_of, True) or is_active else RequirementError
            write = lambda: member.objects.filter(pk=row).update(is_active=True)  # noqa: B023, E731
        elif kind == "delete":
            write = lambda: execute(f"DELETE FROM {member._meta.db_table} WHERE id = %s", [row])  # noqa: B023, E731
        elif kind == "delete team":
            expected = ProtectedError if used and teams[key] else None
            write = lambda: execute(f"DELETE FROM {team._meta.db_table} WHERE id = %s", [key])  # noqa: B023, E731
        else:
            write = lambda: team.objects.filter(pk=key).update(deleted_at=None)  # noqa: B023, E731
        assert refused_with(write) == expected, kind
        refusals[expected] += 1
        if expected:
            continue
        if kind == "add":
            members[made.pk] = (active, target)
        elif kind == "move" and row:
            members[row] = (is_active, target)
        elif kind in ("restore", "delete") and row:
            members[row] = (kind == "restore", team_of)
        elif kind in ("delete team", "restore team"):
            teams[key] = kind == "restore team"
        stored = {pk: (active, of) for pk, active, of in member.objects.values_list(
            "pk", "is_active", "team")}  # fmt: skip
        assert stored == members
    assert min(refusals.values()) > 15, refusals


def test_a_cascade_marks_the_rows_first(family):
    team, member = family
    row = member.objects.create(team=team.objects.create())
    row.team.delete()
    assert team.objects.get().deleted_at
    assert not member.objects.get().is_active
    assert refused_with(lambda: member.objects.update(is_active=True)) is RequirementError
    pgtrigger.undelete(team.objects.get())
    member.objects.update(is_active=True)


def test_a_mark_that_is_set_by_hand_is_a_soft_deletion_too(family):
    team, member = family
    member.objects.create(team=team.objects.create())
    when = "2000-01-01T00:00:00Z"
    assert refused_with(lambda: team.objects.update(deleted_at=when)) is ProtectedError


def test_the_refusals_name_field_and_table(family):
    team, member = family
    deleted = team.objects.create(deleted_at="2000-01-01T00:00:00Z")
    with pytest.raises(RequirementError) as raised, transaction.atomic():
        member.objects.create(team=deleted)
    assert (raised.value.field, raised.value.operation) == ("team", "INSERT")
    used = member.objects.create(team=team.objects.create()).team
    with pytest.raises(ProtectedError) as raised, transaction.atomic():
        execute(f"DELETE FROM {team._meta.db_table} WHERE id = %s", [used.pk])
    assert raised.value.key == {"id": used.pk}
    assert raised.value.detail["referring"] == member._meta.db_table


def test_it_is_ignored_on_both_tables(family):
    team, member = family
    row = team.objects.create()
    with pgtrigger.ignore(f"{member._meta.label}:active_team"):
        member.objects.create(team=row)
        execute(f"DELETE FROM {team._meta.db_table}")
        member.objects.create(team=row)
    assert team.objects.get().deleted_at


def test_it_is_uninstalled_from_both_tables(family):
    team, member = family
    rule = next(each for each in member._meta.triggers if each.name == "active_team")
    rule.uninstall(member)
    row = team.objects.create()
    member.objects.create(team=row)
    execute(f"DELETE FROM {team._meta.db_table}")
    member.objects.create(team=row)
    assert member.objects.filter(team=row).count() == 2


def test_rows_that_are_never_soft_deleted_are_active(make_model):
    team = make_model(
        is_active=models.BooleanField(default=True),
        triggers=[pgtrigger.SoftDelete(name="soft", field="is_active")],
    )
    rule = pgtrigger.ActiveParent("team")
    member = make_model(team=models.ForeignKey(team, models.CASCADE), triggers=[rule])
    rule.install(member)
    row = member.objects.create(team=team.objects.create())
    assert refused_with(lambda: execute(f"DELETE FROM {team._meta.db_table}")) is ProtectedError
    key = row.team_id
    row.team.delete()
    assert refused_with(lambda: member.objects.create(team_id=key)) is RequirementError


@pytest.fixture
def node(make_model):
    rule = pgtrigger.ActiveParent("parent")
    model = make_model(
        parent=models.ForeignKey("self", models.CASCADE, null=True),
        deleted_at=models.DateTimeField(null=True),
        triggers=[pgtrigger.SoftDelete(name="soft", field="deleted_at"), rule],
    )
    rule.install(model)
    return model


def test_a_tree_is_deleted_in_any_order_and_restored(node):
    root = node.objects.create()
    node.objects.bulk_create([node(parent=root), node(parent=root)])
    key = root.pk
    with transaction.atomic():
        root.delete()
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert not node.objects.filter(deleted_at=None).exists()
    pgtrigger.undelete(node.objects.get(pk=key))
    assert not node.objects.exclude(deleted_at=None).exists()


def test_a_root_alone_is_refused_at_the_end_of_the_transaction(node):
    root = node.objects.create()
    node.objects.create(parent=root)
    delete = f"DELETE FROM {node._meta.db_table} WHERE id = {root.pk}"
    with pytest.raises(ProtectedError), transaction.atomic():
        execute(f"{delete}; SET CONSTRAINTS ALL IMMEDIATE")


def test_a_deferred_rule_looks_at_the_rows_as_they_are_in_the_end(make_family):
    team, member = make_family(timing=pgtrigger.Deferred)
    row = team.objects.create(deleted_at="2000-01-01T00:00:00Z")
    child = member.objects.create(team=row)
    with pytest.raises(RequirementError), transaction.atomic():
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    with transaction.atomic():
        team.objects.update(deleted_at=None)
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute("SET CONSTRAINTS ALL DEFERRED")
        execute(f"DELETE FROM {team._meta.db_table}")
        child.delete()
        execute("SET CONSTRAINTS ALL IMMEDIATE")


def is_kept(team, member):
    [(broken,)] = execute(
        f"SELECT count(*) FROM {member._meta.db_table} m JOIN {team._meta.db_table} t"
        " ON t.id = m.team_id WHERE m.is_active AND t.deleted_at IS NOT NULL"
    )
    return broken == 0


@committed
@pytest.mark.parametrize("by_hand", [False, True], ids=["deleted", "marked by hand"])
@pytest.mark.parametrize("update_parent", [False, True], ids=["locked", "updated"])
@with_connections
@at_every_level
def test_no_active_row_is_left_by_connections_that_write_at_the_same_time(
    make_family, number, level, update_parent, by_hand
):
    team, member = make_family(update_parent=update_parent)
    keys = [each.pk for each in team.objects.bulk_create([team() for _ in range(number * 4)])]
    teams, members = team._meta.db_table, member._meta.db_table
    delete = f"DELETE FROM {teams} WHERE id = %s"
    if by_hand:
        delete = f"UPDATE {teams} SET deleted_at = now() WHERE id = %s AND deleted_at IS NULL"

    def write(own, chance):
        key = chance.choice(keys)
        if chance.random() < 0.5:
            own.execute("SELECT count(*) FROM pg_class")
            own.execute(f"UPDATE {members} SET is_active = false WHERE team_id = %s", [key])
            own.execute(delete, [key])
        else:
            own.execute(f"UPDATE {teams} SET number = number + 1 WHERE id = %s", [key])
            own.execute(f"INSERT INTO {members} (team_id, is_active) VALUES (%s, true)", [key])

    refused = race(number, level, 12, write, also=("0A000",))
    assert is_kept(team, member)
    assert member.objects.exists()
    if level == "READ COMMITTED" or update_parent:
        assert "0A000" not in refused
        assert team.objects.exclude(deleted_at=None).exists()
    else:
        assert "0A000" in refused


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s"


def waits(observer, other, work):
    """Start ``work`` in a thread, and return the thread once ``other`` waits for a lock."""
    outcome = []

    def run():
        try:
            work()
            outcome.append(None)
        except psycopg.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        [(number,)] = observer.execute(WAITING, [other.info.backend_pid]).fetchall()
        if number:
            return thread, outcome
    raise AssertionError(f"it did not wait: {outcome}")


@committed
@pytest.mark.parametrize(
    "delete", ["DELETE FROM {} WHERE true", "UPDATE {} SET deleted_at = now()"]
)
class TestTwoConnections:
    """Each waits for the other, in both orders, so that no timing decides what is tested."""

    def test_a_row_that_waited_for_the_deletion_is_refused(self, family, delete):
        team, member = family
        key = team.objects.create().pk
        insert = f"INSERT INTO {member._meta.db_table} (team_id, is_active) VALUES ({key}, true)"
        with connect() as first, connect() as second, connect() as observer:
            first.execute("BEGIN")
            first.execute(delete.format(team._meta.db_table))
            thread, outcome = waits(observer, second, lambda: second.execute(insert))
            first.execute("COMMIT")
            thread.join()
        assert outcome[0].sqlstate == "23000"
        assert not member.objects.exists()

    def test_a_deletion_that_waited_for_a_row_is_refused(self, family, delete):
        team, member = family
        key = team.objects.create().pk
        insert = f"INSERT INTO {member._meta.db_table} (team_id, is_active) VALUES ({key}, true)"
        with connect() as first, connect() as second, connect() as observer:
            first.execute("BEGIN")
            first.execute(insert)
            thread, outcome = waits(
                observer, second, lambda: second.execute(delete.format(team._meta.db_table))
            )
            first.execute("COMMIT")
            thread.join()
        assert outcome[0].sqlstate == "23000"
        assert is_kept(team, member)
        assert team.objects.get().deleted_at is None

    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    def test_a_transaction_with_an_old_snapshot_does_not_add_a_row(self, family, delete, level):
        team, member = family
        key = team.objects.create().pk
        with connect(level) as first, connect() as second:
            first.execute("BEGIN")
            first.execute("SELECT count(*) FROM pg_class")
            second.execute(delete.format(team._meta.db_table))
            with pytest.raises(psycopg.errors.SerializationFailure):
                first.execute(
                    f"INSERT INTO {member._meta.db_table} (team_id, is_active) VALUES ({key}, true)"
                )

    def test_a_deletion_with_an_old_snapshot_is_refused_or_repeated(self, make_family, delete):
        for update_parent, sqlstate in ((False, "0A000"), (True, "40001")):
            team, member = make_family(update_parent=update_parent)
            key = team.objects.create().pk
            with connect("REPEATABLE READ") as first, connect() as second:
                first.execute("BEGIN")
                first.execute("SELECT count(*) FROM pg_class")
                second.execute(
                    f"INSERT INTO {member._meta.db_table} (team_id, is_active) VALUES ({key}, true)"
                )
                with pytest.raises(psycopg.Error) as raised:
                    first.execute(delete.format(team._meta.db_table))
                assert raised.value.sqlstate == sqlstate


@committed
def test_other_changes_of_the_parent_do_not_wait(family):
    team, member = family
    key = team.objects.create().pk
    with connect() as first, connect() as second:
        first.execute("BEGIN")
        first.execute(
            f"INSERT INTO {member._meta.db_table} (team_id, is_active) VALUES ({key}, true)"
        )
        second.execute("SET lock_timeout = '1s'")
        second.execute(f"UPDATE {team._meta.db_table} SET number = 5")
    assert team.objects.get().number == 5


def test_the_parents_own_triggers_run_with_the_writers_search_path(make_family):
    team, member = make_family(update_parent=True)
    seen = pgtrigger.Trigger(
        name="seen",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="NEW.number := length(current_setting('search_path')); RETURN NEW;",
    )
    seen.install(team)
    row = team.objects.create()
    execute("SET LOCAL search_path = public, pg_catalog")
    member.objects.create(team=row)
    row.refresh_from_db()
    assert row.number == len("public, pg_catalog")
    assert execute("SHOW search_path") == [("public, pg_catalog",)]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: pgtrigger.ActiveParent("number"), "is not a foreign key"),
        (lambda: pgtrigger.ActiveParent("nothing"), "no field named 'nothing'"),
        (lambda: pgtrigger.ActiveParent("team"), "has no SoftDelete rule"),
        (lambda: pgtrigger.ActiveParent("team", level=pgtrigger.Statement), "of each row"),
    ],
)
def test_what_cannot_make_sense_is_refused_at_load(make_model, make, reason):
    team = make_model(table=False)
    with pytest.raises(DeclarationError, match=reason):
        make_model(
            team=models.ForeignKey(team, models.CASCADE),
            number=models.IntegerField(),
            triggers=[make()],
            table=False,
        )


def test_a_model_whose_rule_is_rejected_leaves_no_declaration(make_model):
    before = registry.everywhere()
    keep = pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)
    with pytest.raises(DeclarationError):
        make_model(
            number=models.IntegerField(),
            triggers=[keep, pgtrigger.ActiveParent("number")],
            table=False,
        )
    assert registry.everywhere() == before
