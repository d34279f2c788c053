-- concurrently
-- Questions are found by the message that asked.
CREATE INDEX CONCURRENTLY IF NOT EXISTS answer_message ON answer (message_id) WHERE message_id <> '';
