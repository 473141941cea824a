//! `isoflop next` as a user meets it.
