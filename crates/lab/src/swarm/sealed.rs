//! Files that come back whole or not at all.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of a BLAKE3 hash.
const HASH: usize = 32;

/// `magic`, `head` as a line of JSON, `body`, and a BLAKE3 hash over them.
pub(super) fn seal(magic: &[u8], head: &impl Serialize, body: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    // Structs of numbers and names always serialise.
    bytes.extend(serde_json::to_vec(head).unwrap_or_default());
    bytes.push(b'\n');
    bytes.extend(body);
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

/// Head and body of what [`seal`] made; nothing of what is torn, changed or something else.
pub(super) fn unseal<'a, T: DeserializeOwned>(
    magic: &[u8],
    bytes: &'a [u8],
) -> Option<(T, &'a [u8])> {
    let (bytes, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    if blake3::hash(bytes).as_bytes() != hash {
        return None;
    }
    let rest = bytes.strip_prefix(magic)?;
    let line = rest.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(&rest[..line]).ok()?, &rest[line + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_torn_or_changed_or_of_another_kind_does_not_come_back() {
        let bytes = seal(b"A 1\n", &(7, "name"), b"\n\0body\n");
        let head = (7, "name".to_owned());
        assert_eq!(unseal::<(u32, String)>(b"A 1\n", &bytes), Some((head, &b"\n\0body\n"[..])));
        assert_eq!(unseal::<(u32, String)>(b"B 1\n", &bytes), None);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(unseal::<(u32, String)>(b"A 1\n", &changed), None);
            assert_eq!(unseal::<(u32, String)>(b"A 1\n", &bytes[..at]), None);
        }
    }
}
