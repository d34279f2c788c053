-- concurrently
-- A question that names a time is looked for among what was said then.
CREATE INDEX CONCURRENTLY IF NOT EXISTS unit_time ON unit (channel_pk, starts_at);
