//! What every answer in JSON says of itself.

use serde_json::Value;

/// `answer`, an object, with the version of its keys, Isoflop's, and the command that gave it.
pub(crate) fn headed(command: &str, schema_version: u32, mut answer: Value) -> Value {
    answer["schema_version"] = schema_version.into();
    answer["version"] = env!("CARGO_PKG_VERSION").into();
    answer["command"] = command.into();
    answer
}
