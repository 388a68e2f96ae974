"""Event tables over the years: backfill, retention, erasure and statistics."""
