//! What holds for the source code: its layers.

mod layers;
