"""Random writes of all kinds, each compared with a model in plain Python."""
