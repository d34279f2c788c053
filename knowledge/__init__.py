"""What was said: kept, made searchable, and shown only to those who may read it."""
