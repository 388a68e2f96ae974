"""Refining integrity errors

An `IntegrityError` says that some constraint was broken. Which one matters: that an email is
taken is for the user to mend, that it is missing is a bug in the form, and that the ids have run
out is for somebody to be woken up. Whoever catches all of them as one will one day hide the last
behind the first.

`refine_integrity_error` takes a list of rules, each with an exception of yours. The first rule
that matches what Postgres reported decides; an error that matches none comes through as it was.
Nothing is guessed from the text of the message: a rule reads the error's fields.

`Unique` and `NotNull` find the constraint by model and field, `Named` by its name.
"""

from tutorial.models import User


def run():
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
