"""No models. Django sends ``post_migrate`` to apps with a models module only."""
