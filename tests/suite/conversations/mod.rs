//! Conversations and their members, read marks, and who may see what.

mod creation;
mod members;
mod membership_delivery;
mod read_marks;
mod settings;
mod visibility;
