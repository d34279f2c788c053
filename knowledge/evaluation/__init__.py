"""Measures retrieval on question sets, through the product's own path."""
