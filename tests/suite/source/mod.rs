//! What holds for the source code: its layers, no circle of imports, unique names, folders of a readable size.
//!
//! [`tree`] reads the files of `src`, [`tokens`] splits a source into words, [`imports`] answers what a file imports.

mod circles;
mod folders;
mod imports;
mod layers;
mod names;
mod tokens;
mod tree;
