"""The tracked tables at a point in time, for all queries inside ``with pghistory.as_of(time)``."""
