//! Adding a law is adding a file.

fn main() -> std::io::Result<()> {
    embed::catalogue("laws", "toml")
}
