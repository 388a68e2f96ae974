"""Change sets: what one transaction or one context changed, and undoing it."""
