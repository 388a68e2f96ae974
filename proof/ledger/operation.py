"""One step of a writer: a transaction that writes through every rule, and tries to break each."""

from collections.abc import Callable

from django.db import IntegrityError, connection, transaction
from django.db.models import F

import pghistory
import pgtrigger
from proof.ledger.models import Account, Line, Order, Seat

ACCOUNTS = 4


class RuleBroken(Exception):
    """A rule let a write pass that it must refuse."""


def is_done(writer: int, step: int) -> bool:
    """Return whether the step was committed, which a client does not know after an error."""
    return Order.objects.filter(writer=writer, step=step).exists()


def carry_out(writer: int, step: int) -> None:
    """Write the order of one step, its lines and perhaps a seat, in one transaction.

    Raises:
        RuleBroken: A write that a rule must refuse has passed.
    """
    account = Account(pk=step % ACCOUNTS + 1)
    with pghistory.context(writer=writer, step=step), transaction.atomic():
        order = Order.objects.create(account=account, writer=writer, step=step)
        lines = [Line(order=order, number=number, quantity=1) for number in range(3)]
        Line.objects.bulk_create(lines)
        order.lines.update(quantity=F("quantity") + 1)
        order.lines.filter(number=2).delete()
        order.status = "paid"
        order.save()
        _take_a_seat(account)
        _expect_refusals(order)


def _take_a_seat(account: Account) -> None:
    try:
        with transaction.atomic():
            Seat.objects.create(account=account)
    except pgtrigger.LimitError:
        pass


def _expect_refusals(order: Order) -> None:
    refused: dict[str, Callable[[], object]] = {
        "a deletion": lambda: Order.objects.filter(pk=order.pk).delete(),
        "another maker": lambda: Order.objects.filter(pk=order.pk).update(writer=-1),
        "a step back": lambda: Order.objects.filter(pk=order.pk).update(status="draft"),
        "lines of another order": lambda: _execute(
            "UPDATE ledger_line SET order_id = order_id + 1 WHERE order_id = %s", order.pk
        ),
        "a changed event": lambda: _execute(
            "UPDATE ledger_orderevent SET status = 'free' WHERE pgh_obj_id = %s", order.pk
        ),
    }
    for what, write in refused.items():
        try:
            with transaction.atomic():
                write()
        except IntegrityError:
            continue
        raise RuleBroken(f"{what} was not refused: order {order.pk}")


def _execute(statement: str, key: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [key])
