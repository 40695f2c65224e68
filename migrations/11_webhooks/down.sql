DROP FUNCTION user_is_enabled(uuid);
DROP TABLE webhooks;
DROP TABLE bot_tokens;
DROP TABLE bots;
