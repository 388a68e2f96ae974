"""SQL text: function bodies, comments, the check for ignored triggers; no Django models."""
