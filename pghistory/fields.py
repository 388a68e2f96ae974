"""The fields of event models and their defaults, at the path from which migrations import them."""

from pghistory.vocabulary.field_options import ClockTimestamp, SessionUser
from pghistory.vocabulary.transaction_fields import (
    CurrentTransaction,
    TransactionIdField,
    TransactionStart,
    TransactionTimeField,
)

__all__ = [
    "ClockTimestamp",
    "CurrentTransaction",
    "SessionUser",
    "TransactionIdField",
    "TransactionStart",
    "TransactionTimeField",
]
