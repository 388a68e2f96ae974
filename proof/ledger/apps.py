from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "proof.ledger"
