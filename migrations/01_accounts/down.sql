DROP TABLE secrets;
DROP TABLE bot_tokens;
DROP TABLE bots;
DROP TABLE tickets;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE users;
