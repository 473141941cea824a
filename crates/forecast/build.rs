//! Adding a scenario, a claim or a prior is adding a file.

fn main() -> std::io::Result<()> {
    embed::catalogue("scenarios", "toml")?;
    embed::catalogue("claims", "toml")?;
    embed::catalogue("priors", "csv")
}
