"""Measures what the whole bot says, on question sets."""
