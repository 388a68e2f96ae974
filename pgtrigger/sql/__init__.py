"""SQL text: function bodies, comments, the ignore check. No Django models."""
