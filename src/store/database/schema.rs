//! The tables as diesel sees them. Tables of the log are missing, because only `log` uses them. `webhooks` is missing, because
//! it has more columns than diesel's tuples; its queries are written by hand.

diesel::table! {
    users (id) {
        id -> Uuid,
        name -> Text,
        display_name -> Text,
        password_hash -> Nullable<Text>,
        role -> Text,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        display_key -> Text,
        deleted_at -> Nullable<Timestamptz>,
        erased_at -> Nullable<Timestamptz>,
        freed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        device -> Nullable<Text>,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Bytea,
        session_id -> Uuid,
        parent -> Nullable<Bytea>,
        replaced_at -> Nullable<Timestamptz>,
        successor_used -> Bool,
    }
}

diesel::table! {
    tickets (hash) {
        hash -> Bytea,
        user_id -> Uuid,
        session_id -> Nullable<Uuid>,
        token_expires_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    secrets (name) {
        name -> Text,
        value -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    conversations (id) {
        id -> Uuid,
        kind -> Text,
        title -> Nullable<Text>,
        history -> Text,
        direct_key -> Nullable<Bytea>,
        created_by -> Uuid,
        created_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        blanked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    members (conversation_id, user_id, joined_at) {
        conversation_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        joined_at -> BigInt,
        left_at -> Nullable<BigInt>,
        read -> BigInt,
        since -> Timestamptz,
        archived -> Bool,
        muted -> Bool,
    }
}

diesel::table! {
    reactions (message_id, emoji, user_id, added_at) {
        message_id -> Uuid,
        emoji -> Text,
        user_id -> Uuid,
        conversation_id -> Uuid,
        added_at -> BigInt,
        removed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    cursors (user_id, name) {
        user_id -> Uuid,
        name -> Text,
        epoch -> BigInt,
        position -> BigInt,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    attachments (id) {
        id -> Uuid,
        user_id -> Uuid,
        mac -> Bytea,
        object -> Uuid,
        name -> Text,
        #[sql_name = "type"]
        media_type -> Text,
        size -> BigInt,
        sha256 -> Bytea,
        created_at -> Timestamptz,
        message_id -> Nullable<Uuid>,
        conversation_id -> Nullable<Uuid>,
        position -> Nullable<BigInt>,
    }
}

diesel::table! {
    attachment_discards (object) {
        object -> Uuid,
        due_at -> Timestamptz,
        claimed -> Bool,
    }
}

diesel::table! {
    nodes (id) {
        id -> Uuid,
        version -> BigInt,
        heard_at -> Timestamptz,
    }
}

diesel::table! {
    connections (id) {
        id -> Uuid,
        user_id -> Uuid,
        session_id -> Nullable<Uuid>,
        node -> Uuid,
        transport -> Text,
        since -> Timestamptz,
        online_since -> Timestamptz,
        gone_at -> Nullable<Timestamptz>,
        version -> BigInt,
    }
}

diesel::table! {
    bots (user_id) {
        user_id -> Uuid,
        owner_id -> Uuid,
        mac -> Bytea,
    }
}

diesel::table! {
    bot_tokens (session_id) {
        session_id -> Uuid,
        hash -> Bytea,
        prefix -> Text,
        expires_at -> Nullable<Timestamptz>,
        mac -> Bytea,
    }
}

diesel::allow_tables_to_appear_in_same_query!(users, sessions, conversations, members, bots, bot_tokens);
