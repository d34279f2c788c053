"""Threadlore: answers questions from what a team has already written."""

__version__ = "0.1.0"
