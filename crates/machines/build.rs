//! Adding a device, a model or a cluster is adding a file.

fn main() -> std::io::Result<()> {
    embed::catalogue("accelerators", "toml")?;
    embed::catalogue("models", "toml")?;
    embed::catalogue("clusters", "toml")
}
