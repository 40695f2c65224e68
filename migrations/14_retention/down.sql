DROP FUNCTION log_position_at(timestamptz);
