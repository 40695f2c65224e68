/// All that a schema is made of.
#[derive(Clone, Copy, Debug)]
pub struct SchemaFiles {
    /// In the order in which they are applied.
    pub migrations: &'static [Migration],
    /// In the order in which they are applied: functions in SQL, whose bodies are checked at once, after what they call.
    pub functions: &'static [SqlFunction],
    /// Grows with every change of the functions. A program whose version is lower than that of the database leaves its
    /// functions as they are.
    pub functions_version: i32,
}

/// A change of tables, which is applied once.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    pub name: &'static str,
    pub up: &'static str,
    pub down: &'static str,
}

/// A function, which is applied whenever its text has changed.
#[derive(Clone, Copy, Debug)]
pub struct SqlFunction {
    /// The name in PostgreSQL, and of the file.
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! file {
    ($($part:expr),*) => { include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $($part),*)) };
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration { name: $name, up: file!($name, "/up.sql"), down: file!($name, "/down.sql") }),*]
    };
}

macro_rules! functions {
    ($($name:literal),* $(,)?) => { &[$(SqlFunction { name: $name, text: file!("functions/", $name, ".sql") }),*] };
}

/// What is created before the first migration: the tables that say what is applied.
pub(super) const BOOKKEEPING: &str = file!("bookkeeping.sql");

/// The schema of this program.
pub const CURRENT_SCHEMA: SchemaFiles = SchemaFiles {
    migrations: migrations![
        "01_accounts",
        "02_conversations",
        "03_log",
        "04_cursors",
        "05_attachments",
        "06_search",
        "07_webhooks",
        "08_presence",
    ],
    functions: functions![
        "blanked_payload",
        "change_deletion",
        "change_leave",
        "change_member",
        "change_reaction",
        "change_read_marks",
        "change_text",
        "check_member_change",
        "delete_message",
        "is_member",
        "log_append",
        "log_begin",
        "log_change",
        "log_enter_epoch",
        "log_event",
        "log_extend",
        "log_judge_id",
        "log_lock",
        "log_lock_epoch",
        "log_lock_key",
        "log_missed",
        "log_partition_lock_key",
        "log_position_at",
        "payload_with_time",
        "member_payload",
        "search_find",
        "search_forget",
        "search_lock_key",
        "user_is_enabled",
    ],
    functions_version: 3,
};

#[cfg(test)]
#[path = "tests/schema_files.rs"]
mod tests;
