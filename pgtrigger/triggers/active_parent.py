"""``ActiveParent``: rows that are not soft-deleted refer to rows that are not.

Note [Active parents]. A soft deletion must see the rows that other transactions add at the same
time, and those transactions must see the soft deletion. The rule is therefore on both tables, like
a foreign key. For a row that is added, it locks the parent (FOR KEY SHARE, so that other changes of
the parent do not wait) and then reads it. At READ COMMITTED, it sees what was committed during the
wait. For a soft deletion, it locks the parent (FOR UPDATE, which waits for transactions that add
rows) and then looks for rows that refer to it.

At REPEATABLE READ and SERIALIZABLE, a transaction does not see what others commit. For a row that
is added, the rule therefore locks the parent FOR SHARE, which PostgreSQL refuses if the parent has
changed since the snapshot. A soft deletion would find an unchanged parent and no rows. It is
therefore refused, unless each row that is added also updates its parent (``update_parent``).

In report mode nothing is locked or updated.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
https://www.postgresql.org/docs/current/transaction-iso.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from django.db.models.fields.related import lazy_related_operation
from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import Detail, ProtectedError, RequirementError
from pgtrigger.sql import isolation
from pgtrigger.sql.function_body import PATH_VARIABLE, Body, Quoted, Relation, within_path
from pgtrigger.triggers import registry, soft_delete
from pgtrigger.triggers.declaration import GENERATED, Declaration, own_path
from pgtrigger.triggers.raising import Refusal
from pgtrigger.triggers.relations import STORED, foreign_key, has_value
from pgtrigger.triggers.rule import Rule
from pgtrigger.triggers.standing import BREAK, Standing, table
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    NEW,
    OLD,
    ROW_VARIABLES,
    column_identifier,
    key_fields,
)
from pgtrigger.vocabulary.conditions import AnyChange, Condition, Q, of_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import ForeignKey, Model

    from pgtrigger.sql.function_body import Place
    from pgtrigger.triggers.rule import RuleOptions
    from pgtrigger.triggers.trigger import Trigger, Undo

_SUFFIX = "_insert"


class ActiveParent(Rule):
    """Refuses an active row that refers to a soft-deleted one: ``pgtrigger.ActiveParent("team")``.

    It also refuses to soft-delete a row while active rows refer to it. The model that the foreign
    key refers to has a SoftDelete rule. A row is active if no SoftDelete rule of its model has
    marked it.

    Args:
        parent: the foreign key.
        update_parent: update the parent for each row that is added, so that soft deletions are
            allowed at REPEATABLE READ and SERIALIZABLE. Writers of one parent then wait for each
            other.
        timing: ``pgtrigger.Deferred`` checks at the end of the transaction.

    See Note [Active parents].
    """

    when = clauses.After
    operation = clauses.Update
    fixed = GENERATED | {
        "operation": "an INSERT and an UPDATE can each place a row, so it fires after both",
        "level": "it locks the parent of each row",
        "when": "it looks at rows that are stored",
        "condition": "the SoftDelete rules of the two models are the condition",
        "search_path": "every name of its functions is qualified",
        "writes": "it sets no field",
    }

    def __init__(
        self, parent: str, /, *, update_parent: bool = False, **options: Unpack[RuleOptions]
    ):
        self.parent, self.update_parent = parent, update_parent
        self._validate_field_name("parent", parent)
        longest = naming.MAX_NAME_LENGTH - len(_SUFFIX)
        options.setdefault("name", f"active_{parent}"[:longest])
        options["field"] = options.get("field") or parent
        super().__init__(**options)

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        if self.operation == clauses.Insert:
            return ()
        return [self._part(_SUFFIX, clauses.Insert)]

    def companions_elsewhere(self, model: type[Model]) -> Sequence[tuple[type[Model], Trigger]]:
        if self.operation == clauses.Insert:
            return ()
        return [(_table_model(foreign_key(self, model, self.parent)), self._of_parent(model))]

    def register(self, *models: type[Model]) -> Undo:
        keys = {model: foreign_key(self, model, self.parent) for model in models}
        undo = super().register(*models)
        for model, key in keys.items() if self.operation != clauses.Insert else ():
            lazy_related_operation(self._register_on_parent, model, key.remote_field.model)
        return undo

    def _register_on_parent(self, model: type[Model], parent: type[Model]) -> None:
        registry.accompany(
            self.get_uri(model), parent._meta.concrete_model or parent, self._of_parent(model)
        )

    def _of_parent(self, model: type[Model]) -> NoActiveRows:
        return NoActiveRows(
            model,
            self,
            name=f"{self.name}_of_{model._meta.model_name}"[: naming.MAX_NAME_LENGTH],
            timing=self.timing,
            **self._options_of_parts(),
        )

    def get_condition(self, model: type[Model]) -> Condition:
        is_placed: Condition = Q((f"new__{self.parent}__isnull", False)) & active(self, model, NEW)
        if self.operation == clauses.Insert:
            return is_placed
        was_inactive = ~active(self, model, OLD)
        return is_placed & (AnyChange(self.parent) | was_inactive)

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        return [PATH_VARIABLE] if self.update_parent else ()

    def get_search_path(self, model: type[Model], func: str | Body) -> Sequence[Place]:
        """Return the search_path, but no generated one if the function updates the parent.

        See Note [Names in functions].
        """
        if self.update_parent and not self.reports:
            return Declaration.get_search_path(self, model, func)
        return self._path(model)

    def _path(self, model: type[Model]) -> Sequence[Place]:
        parent = _table_model(foreign_key(self, model, self.parent))
        return own_path(parent, active(self, parent, NEW))

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        key = foreign_key(self, model, self.parent)
        parent = _table_model(key)
        if soft_delete.rule_of(parent) is None:
            self._reject(f"{parent._meta.label} has no SoftDelete rule")
        is_active = active(self, parent, NEW).render(parent, STORED)
        is_parent = has_value(key.target_field, ROW_VARIABLES.column(NEW, key))
        check = Body(_select(parent), is_parent, f" AND ({is_active});\n")
        return Body(
            self._unless_current(model) if self.timing else "",
            "" if self.reports else self._lock(key, is_parent),
            within_path(self._path(model), check) if self.update_parent else check,
            "IF NOT FOUND THEN\n",
            self._raise_for_row(model),
            "\nEND IF;\nRETURN NULL;",
        )

    def _lock(self, key: ForeignKey[Any, Any], is_parent: Body) -> Body:
        """Lock the parent: see Note [Active parents]."""
        parent = _table_model(key)
        if self.update_parent:
            same = sql.SQL(" AS stored SET {0} = stored.{0}\nWHERE ").format(
                column_identifier(key.target_field)
            )
            return Body("UPDATE ", Relation(parent._meta.db_table), same, is_parent, ";\n")
        return Body(
            *(f"IF {isolation.KEEPS_SNAPSHOT} THEN\n", _select(parent), is_parent),
            *(" FOR SHARE;\nELSE\n", _select(parent), is_parent, " FOR KEY SHARE;\nEND IF;\n"),
        )

    def _unless_current(self, model: type[Model]) -> Body:
        """End the function if the row has changed again since it was written."""
        written = [*key_fields(model), foreign_key(self, model, self.parent)]
        is_same: list[Body | str] = []
        for field in written:
            is_same += [has_value(field, ROW_VARIABLES.column(NEW, field)), " AND "]
        is_active = active(self, model, NEW)
        select = Body(_select(model), *is_same, f"({is_active.render(model, STORED)});\n")
        path = own_path(model, is_active)
        return Body(
            within_path(path, select) if self.update_parent else select,
            "IF NOT FOUND THEN\nRETURN NULL;\nEND IF;\n",
        )

    def standing(self, model: type[Model]) -> Standing | None:
        """Active rows whose parent is soft-deleted."""
        if self.operation == clauses.Insert:
            return None
        key = foreign_key(self, model, self.parent)
        parent = _table_model(key)
        is_placed: Condition = Q((f"new__{self.parent}__isnull", False)) & active(self, model, NEW)
        where = sql.SQL(
            "({}) AND EXISTS (SELECT FROM {} AS stored WHERE stored.{} = NEW.{} AND NOT ({}))"
        ).format(
            sql.SQL(is_placed.render(model, ROW_VARIABLES)),
            table(parent),
            column_identifier(key.target_field),
            column_identifier(key),
            sql.SQL(active(self, parent, NEW).render(parent, STORED)),
        )
        return Standing(BREAK, ROW_VARIABLES.new, where.as_string())

    def describe(self, model: type[Model]) -> str:
        operations = " or ".join(self.operation.names if self.operation else ())
        return f"Refuses {operations} of an active row whose {self.parent} is soft-deleted."

    def refusal(self, model: type[Model]) -> Refusal:
        key = foreign_key(self, model, self.parent)
        return Refusal(
            rule=RequirementError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=(
                f"Restore the {key.name} first, or refer to another one. Row-level security may "
                "also hide it from this role."
            ),
            message=lambda rows: sql.Literal(
                f"pgtrigger: The {key.name} of a row of {model._meta.db_table} is soft-deleted"
            ),
            detail=lambda rows: Detail(field=sql.Literal(key.name)),
            column=lambda rows: sql.Literal(key.column),
        )


class NoActiveRows(Rule):
    """The part of ``ActiveParent`` that is on the parent's table.

    Rows of one table that refer to each other are soft-deleted by one statement in any order, so
    there it is checked at the end of the transaction.
    """

    when = clauses.After
    operation = clauses.Update

    def __init__(self, referring: type[Model], rule: ActiveParent, **options: Unpack[RuleOptions]):
        self.referring, self.rule = referring, rule
        key = foreign_key(rule, referring, rule.parent)
        if key.remote_field.model in (referring, "self"):
            options["timing"] = options.get("timing") or clauses.Deferred
        super().__init__(**options)

    def get_condition(self, model: type[Model]) -> Condition:
        condition: Condition = active(self, model, OLD) & ~active(self, model, NEW)
        return condition

    def get_search_path(self, model: type[Model], func: str | Body) -> Sequence[Place]:
        both = [
            *own_path(model, active(self, model, NEW)),
            *own_path(self.referring, active(self, self.referring, NEW)),
        ]
        return [*dict.fromkeys(place for place in both if place != "pg_temp"), "pg_temp"]

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        key = foreign_key(self.rule, self.referring, self.rule.parent)
        value = ROW_VARIABLES.column(NEW, key.target_field)
        is_deleted = (~active(self, model, NEW)).render(model, STORED)
        is_active = active(self, self.referring, NEW).render(self.referring, STORED)
        referring = Relation(self.referring._meta.db_table)
        return Body(
            *(_select(model), has_value(key.target_field, value), f" AND ({is_deleted})"),
            "" if self.reports else " FOR UPDATE",
            ";\nIF NOT FOUND THEN\nRETURN NULL;\nEND IF;\n",
            "" if self.reports or self.rule.update_parent else self._refuse_old_snapshot(model),
            *(_select(self.referring), has_value(key, value), f" AND ({is_active}) LIMIT 1;\n"),
            *("IF FOUND OR pg_catalog.row_security_active(", Quoted(Body(referring))),
            "::pg_catalog.regclass) THEN\n",
            self._raise_for_row(model),
            "\nEND IF;\nRETURN NULL;",
        )

    def _refuse_old_snapshot(self, model: type[Model]) -> sql.Composable:
        return isolation.refuse_old_snapshot(
            model._meta.db_table,
            f"pgtrigger: Cannot soft-delete rows of {model._meta.db_table} at this isolation level",
            f"Rows of {self.referring._meta.db_table} that others add would not be seen. Use READ "
            "COMMITTED, or declare ActiveParent with update_parent=True.",
        )

    def describe(self, model: type[Model]) -> str:
        return (
            "Refuses to soft-delete a row while active rows of "
            f"{self.referring._meta.label} refer to it."
        )

    def refusal(self, model: type[Model]) -> Refusal:
        table = self.referring._meta.db_table
        return Refusal(
            rule=ProtectedError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=(
                f"Delete these rows of {table} first. If you see none, somebody has just added "
                "one, or row-level security hides them from this role."
            ),
            message=lambda rows: sql.Literal(
                f"pgtrigger: Active rows of {table} refer to the row of {model._meta.db_table}"
            ),
            detail=lambda rows: Detail(referring=sql.Literal(table)),
        )


def active(rule: Any, model: type[Model], side: str) -> Q:
    """Return the condition that a row is not soft-deleted; always true without such a rule."""
    found = soft_delete.rule_of(model)
    if found is None:
        return Q((f"{side}__pk__isnull", False))
    if hasattr(found.value, "resolve_expression") and not found.has_time(model):
        rule._reject(
            f"the SoftDelete rule of {model._meta.label} sets an expression, so that it is not "
            "known which rows are deleted: give it a value, or a DateTimeField"
        )
    return of_side(~found.deleted(model), side)


def _select(model: type[Model]) -> Body:
    return Body("PERFORM 1 FROM ", Relation(model._meta.db_table), " AS stored\nWHERE ")


def _table_model(key: ForeignKey[Any, Any]) -> type[Model]:
    parent: type[Model] = key.related_model
    return parent._meta.concrete_model or parent
