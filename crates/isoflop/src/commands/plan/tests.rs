//! What `isoflop plan` says.
