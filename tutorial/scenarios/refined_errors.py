"""Handle IntegrityError: which constraint was violated?

A sign-up page said "email taken" for a week, while the real error was a missing value. The view
caught `IntegrityError` and guessed the cause.

An `IntegrityError` says that *a* constraint was violated. A check before the write, such as
`exists()`, says nothing about what another transaction does in between.

`refine_integrity_error` takes a list of rules, each with an exception of yours. The first rule that
matches the fields of PostgreSQL's error decides. An error that no rule matches is raised unchanged.
The text of the message is never read.

`Unique` and `NotNull` find the constraint by model and field, `Named` by its name. In the tab Code
each refusal is followed by what the code printed about it.

## What it does not stop

- Values that no constraint refuses. It translates errors and validates nothing.
- A failed statement still ends the transaction: use `transaction.atomic()` around the write.
"""

from tutorial.models import User


def run() -> None:
    from integrity import conversion

    class UserAlreadyExists(Exception): ...
    class EmailCannotBeNull(Exception): ...
    class EmailMustBeLowerCase(Exception): ...

    def create_user(email: str) -> User:
        rules = [
            (conversion.Unique(model=User, fields=('email',)), UserAlreadyExists),
            (conversion.NotNull(model=User, field='email'), EmailCannotBeNull),
            (conversion.Named(name='constraint_islowercase'), EmailMustBeLowerCase),
        ]
        with conversion.refine_integrity_error(rules):
            return User.objects.create(email=email)

    create_user('ada@example.org')

    for email in ['ada@example.org', None, 'Grace@example.org']:
        try:
            create_user(email)
        except (UserAlreadyExists, EmailCannotBeNull, EmailMustBeLowerCase) as error:
            print(email, type(error).__name__)
