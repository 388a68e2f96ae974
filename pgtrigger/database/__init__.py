"""What one connection has installed, and how to change it."""
