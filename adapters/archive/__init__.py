"""One reader per export format; none needs a platform SDK."""
