//! Adding a family of shapes or a capability is adding a file.

fn main() -> std::io::Result<()> {
    embed::catalogue("shapes", "toml")?;
    embed::catalogue("capabilities", "toml")
}
