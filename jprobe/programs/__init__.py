"""Traced functions as values: run with some equations done otherwise, searched for what depends on what, and compared."""
