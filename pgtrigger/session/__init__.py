"""Context managers whose values reach the database as transaction variables."""
