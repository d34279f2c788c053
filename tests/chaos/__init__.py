"""Faults on purpose, in real processes: each file proves one promise, and shows that its mutant would be caught."""
