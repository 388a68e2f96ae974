"""A pytest plugin that reports which rules the tests know.

``pytest --rules``
    lists the rules that no test has seen refuse a write.
``pytest --rules-mutate``
    afterwards disables one rule at a time, runs the tests again that wrote to its table, and lists
    the rules that no test misses.
``--rules-of PREFIX``
    limits both to rules whose URI begins with this, such as ``shop.`` or ``shop.Order:flow``.

Declare it in ``pytest_plugins`` or with ``-p pgtrigger.pytest_plugin``. It needs pytest-django.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol
from django.db import connections

from pgtrigger import administration, errors
from pgtrigger.database import installation
from pgtrigger.triggers import registry
from pgtrigger.triggers.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

    from pgtrigger.compiler import Trigger as CompiledTrigger
    from pgtrigger.triggers.trigger import Trigger

_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "MERGE", "WITH", "COPY")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pgtrigger", "rules in the database")
    group.addoption(
        "--rules", action="store_true", help="list the rules that no test has seen refuse a write"
    )
    group.addoption(
        "--rules-mutate",
        action="store_true",
        help="disable one rule at a time, run its tests again, and list what no test misses",
    )
    group.addoption(
        "--rules-of", default="", metavar="PREFIX", help="only rules whose URI begins with this"
    )


def pytest_configure(config: pytest.Config) -> None:
    wanted = config.getoption("rules") or config.getoption("rules_mutate")
    if not wanted:
        return
    if config.getoption("rules_mutate") and config.getoption("numprocesses", None):
        raise pytest.UsageError("--rules-mutate runs in one process: add -n 0.")
    config.pluginmanager.register(RuleReport(config), "pgtrigger_rules")


@dataclass
class _TestRun:
    """One run of a test.

    Attributes:
        tables: the tables that it wrote to.
        refused: URIs of the rules that refused its writes.
        seconds: how long it took.
    """

    tables: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    seconds: float = 0.0


class RuleReport:
    """The rules that refused a write in a test session, and the rules that no test needs.

    Attributes:
        refused: URIs of rules that have refused a write.
        runs: the first run of each test.
        unmissed: URIs of rules without which every test passes; None before they are known.
    """

    def __init__(self, config: pytest.Config):
        self.config = config
        self.refused: set[str] = set()
        self.runs: dict[pytest.Item, _TestRun] = {}
        self.unmissed: list[str] | None = None
        self._run = _TestRun()
        self._disabled: set[str] = set()
        errors.observers.append(self._see)
        self._put = installation.put
        installation.put = self._install

    def rules(self) -> list[tuple[type[Model], Trigger]]:
        """Return the declared rules, without the triggers that belong to one of them."""
        prefix = self.config.getoption("rules_of")
        parts = registry.companion_uris()
        return [
            (model, trigger)
            for model, trigger in registry.registered()
            if trigger.get_uri(model).startswith(prefix) and trigger.get_uri(model) not in parts
        ]

    def unseen(self) -> list[str]:
        """Return the URIs of refusing rules that no test has seen refuse."""
        return [
            trigger.get_uri(model)
            for model, trigger in self.rules()
            if _refuses(trigger)
            and not any(
                part.get_uri(owner) in self.refused
                for owner, part in registry.family(trigger.get_uri(model))
            )
        ]

    def _see(self, error: errors.TriggerError) -> None:
        self.refused.add(error.uri)
        self._run.refused.add(error.uri)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Note which tables the test writes to, and which rules refuse it."""
        self._run = run = _TestRun()
        start = time.perf_counter()
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(self._note))
            result = yield
        run.seconds = time.perf_counter() - start
        self.runs.setdefault(item, run)
        return result

    def _install(self, compiled: CompiledTrigger, connection: Any, **options: Any) -> bool:
        """A test that creates its tables installs the rules itself."""
        self._run.tables.add(compiled.table)
        if compiled.sql.uri in self._disabled:
            options["enabled_state"] = "D"
        return self._put(compiled, connection, **options)

    def _note(self, execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        text = statement if isinstance(statement, str) else ""
        if text.lstrip().upper().startswith(_WRITES):
            self._run.tables.update(
                table
                for table in {model._meta.db_table for model, _ in registry.registered()}
                if table in text
            )
        return execute(statement, params, many, context)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run every test, and then those of each rule without it."""
        if not self.config.getoption("rules_mutate") or self.config.option.collectonly:
            return None
        items = session.items
        for number, item in enumerate(items):
            following: Any = items[number + 1] if number + 1 < len(items) else session
            self.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            raise session.Failed("--rules-mutate needs tests that pass")
        uris = [trigger.get_uri(model) for model, trigger in self.rules()]
        self.unmissed = [uri for uri in uris if not self._is_missed(uri)]
        if items:
            _run_again(items[0], None)
        return True

    def _is_missed(self, uri: str) -> bool:
        """Return whether a test fails without the rule."""
        family = {trigger.get_uri(owner): owner for owner, trigger in registry.family(uri)}
        tests = self._tests_of(family)
        if not tests:
            return False
        self._disabled = set(family)
        self._alter(uri, "disable")
        try:
            return any(not _run_again(item, item.session) for item in tests)
        finally:
            self._disabled = set()
            self._alter(uri, "enable")

    def _tests_of(self, family: dict[str, type[Model]]) -> list[pytest.Item]:
        """Return the tests that wrote to the rule's tables, first those that probably need it."""
        tables = {owner._meta.db_table for owner in family.values()}
        runs = [each for each in self.runs.items() if tables & each[1].tables]
        runs.sort(key=lambda each: (not family.keys() & each[1].refused, each[1].seconds))
        return [item for item, _ in runs]

    def _alter(self, uri: str, act: str) -> None:
        from pytest_django.plugin import blocking_manager_key

        with self.config.stash[blocking_manager_key].unblock():
            getattr(administration, act)(uri)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        errors.observers.remove(self._see)
        installation.put = self._put
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["pgtrigger_refused"] = sorted(self.refused)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take over what a process of pytest-xdist has seen."""
        self.refused.update(getattr(node, "workeroutput", {}).get("pgtrigger_refused", ()))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        rules = [trigger for _, trigger in self.rules() if _refuses(trigger)]
        unseen = self.unseen()
        terminalreporter.section("rules")
        terminalreporter.line(
            f"{len(rules) - len(unseen)} of {len(rules)} rules have refused a write in a test."
        )
        for uri in unseen:
            terminalreporter.line(f"never seen to refuse: {uri}")
        for uri in self.unmissed or ():
            terminalreporter.line(f"missed by no test: {uri}")
        if self.unmissed == []:
            terminalreporter.line("Every rule is missed by a test.")


def _refuses(trigger: Trigger) -> bool:
    """Return whether it is a rule, and not one that only reports."""
    return isinstance(trigger, Rule) and not trigger.reports


def _run_again(item: pytest.Item, following: Any) -> bool:
    """Run a test once more without reporting it. Return whether it passed.

    The session as the item that follows keeps its fixtures, such as the database.
    """
    initialize = getattr(item, "_initrequest", None)
    if initialize is not None:
        initialize()
    reports = runtestprotocol(item, log=False, nextitem=following)
    return not any(report.failed for report in reports)
