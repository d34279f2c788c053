"""Translators between one platform, or one export format, and our types."""
