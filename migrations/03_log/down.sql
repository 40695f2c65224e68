DROP TABLE ids;
DROP TABLE events;
DROP TABLE log_epoch;
