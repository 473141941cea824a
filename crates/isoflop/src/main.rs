//! isoflop
fn main() {}
