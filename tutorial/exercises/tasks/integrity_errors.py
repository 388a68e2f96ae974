"""The exercises of the part "Errors", by the name of the chapter's scenario module."""

from tutorial import models
from tutorial.exercises.exercise import AT_COMMIT, PASSES, REFUSED, Exercise, Write

EXERCISES = {
    "deferred_constraints": Exercise(
        task="An author without a `name` (an empty text) is refused, on INSERT and on UPDATE, but"
        " only when the transaction commits.",
        model=models.Author,
        hint="`timing=pgtrigger.Deferred` makes a trigger deferrable. It needs"
        " `when=pgtrigger.After`.",
        solution="""triggers = [
    pgtrigger.Protect(
        name="has_name",
        operation=pgtrigger.Insert | pgtrigger.Update,
        when=pgtrigger.After,
        timing=pgtrigger.Deferred,
        condition=pgtrigger.Q(new__name=""),
    ),
]
""",
        writes=[
            Write("INSERT", AT_COMMIT, after={"name": ""}),
            Write("INSERT", PASSES, after={"name": "Ada"}),
            Write("UPDATE", AT_COMMIT, {"name": "Ada"}, {"name": ""}),
            Write("UPDATE", PASSES, {"name": "Ada"}, {"name": "Grace"}),
        ],
    ),
    "refined_errors": Exercise(
        task="Raise `EmailTaken` for an email that exists already and `EmailMissing` for none. Any"
        " other error comes through as an `IntegrityError`.",
        model=models.User,
        hint="Each rule is a pair, such as `(conversion.NotNull(model=User, field=...),"
        " EmailMissing)`.",
        solution="""rules = [
    (conversion.Unique(model=User, fields=("email",)), EmailTaken),
    (conversion.NotNull(model=User, field="email"), EmailMissing),
]
""",
        kind="rules",
        exceptions=("EmailTaken", "EmailMissing"),
        writes=[
            Write(
                "INSERT", "EmailTaken", {"email": "ada@example.org"}, {"email": "ada@example.org"}
            ),
            Write("INSERT", "EmailMissing", after={"email": None}),
            Write("INSERT", "IntegrityError", after={"email": "Grace@example.org"}),
            Write("INSERT", PASSES, after={"email": "grace@example.org"}),
        ],
    ),
    "refined_rules": Exercise(
        task="Raise `NumberIsFinal` if a write breaks the rule `number_is_final` of `Passport`.",
        model=models.Passport,
        hint="`conversion.Trigger` takes `model` and the `name` of the rule.",
        solution="""rules = [
    (conversion.Trigger(model=Passport, name="number_is_final"), NumberIsFinal),
]
""",
        kind="rules",
        exceptions=("NumberIsFinal",),
        writes=[
            Write("UPDATE", "NumberIsFinal", {"number": "C1", "holder": "Ada"}, {"number": "C9"}),
            Write("UPDATE", PASSES, {"number": "C2", "holder": "Ada"}, {"holder": "Grace"}),
            Write("INSERT", "IntegrityError", after={"number": None, "holder": "Ada"}),
        ],
    ),
    "deferred_rules": Exercise(
        task="A posting with the `amount` 0 is refused at once, on INSERT and on UPDATE. A posting"
        " without an `account` (an empty text) may be written, and is refused at the COMMIT.",
        model=models.Posting,
        hint="Two `Protect` rules. The second needs `when=pgtrigger.After` and"
        " `timing=pgtrigger.Deferred`.",
        solution="""triggers = [
    pgtrigger.Protect(
        name="no_zero",
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__amount=0),
    ),
    pgtrigger.Protect(
        name="has_account",
        operation=pgtrigger.Insert | pgtrigger.Update,
        when=pgtrigger.After,
        timing=pgtrigger.Deferred,
        condition=pgtrigger.Q(new__account=""),
    ),
]
""",
        writes=[
            Write("INSERT", REFUSED, after={"transfer": 1, "account": "cash", "amount": 0}),
            Write("INSERT", AT_COMMIT, after={"transfer": 1, "account": "", "amount": 5}),
            Write(
                "UPDATE", AT_COMMIT, {"transfer": 1, "account": "a", "amount": 5}, {"account": ""}
            ),
            Write("UPDATE", REFUSED, {"transfer": 1, "account": "a", "amount": 5}, {"amount": 0}),
            Write("UPDATE", PASSES, {"transfer": 1, "account": "a", "amount": 5}, {"amount": 6}),
        ],
    ),
}
