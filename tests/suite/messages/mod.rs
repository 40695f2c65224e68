//! Messages: sending, editing, deleting, reactions, history, search, delivery receipts.

mod delivery_receipts;
mod edits;
mod history;
mod reactions;
mod search;
mod sending;
