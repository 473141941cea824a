//! The first 256 bytes of a token file: what it holds, and how to tell that it is whole.
//!
//! All numbers are little-endian. The training tokens follow, then the validation tokens.

use std::fs::File;
use std::io::{self, Read};

/// Bytes before the first token.
pub(super) const LENGTH: usize = 256;
/// Where the checksum of all that precedes it stands.
const CHECKSUM_AT: usize = LENGTH - 32;

const MAGIC: [u8; 8] = *b"isofltok";
const VERSION: u32 = 1;

/// What a token file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes per token: 1 or 2.
    pub(super) width: u32,
    pub(super) vocabulary: u32,
    /// Tokens to train on.
    pub(super) train: u64,
    /// Tokens held out.
    pub(super) validation: u64,
    pub(super) documents: u64,
    /// Bytes of text.
    pub(super) bytes: u64,
    pub(super) files_left_out: u64,
    /// Hash of the corpus: which text it is.
    pub(super) corpus: [u8; 32],
    /// Hash of the sources' names, sizes and versions: whether the text may have changed.
    pub(super) fingerprint: [u8; 32],
    /// Hash of all tokens as they stand in the file.
    pub(super) payload: [u8; 32],
}

impl Header {
    pub(super) fn to_bytes(&self) -> [u8; LENGTH] {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend(MAGIC);
        for number in [VERSION, self.width, self.vocabulary] {
            bytes.extend(number.to_le_bytes());
        }
        let counts = [self.train, self.validation, self.documents, self.bytes, self.files_left_out];
        for number in counts {
            bytes.extend(number.to_le_bytes());
        }
        for hash in [self.corpus, self.fingerprint, self.payload] {
            bytes.extend(hash);
        }
        let mut out = [0; LENGTH];
        out[..bytes.len()].copy_from_slice(&bytes);
        let checksum = blake3::hash(&out[..CHECKSUM_AT]);
        out[CHECKSUM_AT..].copy_from_slice(checksum.as_bytes());
        out
    }

    /// The header of `file`, which is `length` bytes long; the inner error says what is wrong
    /// with its content.
    pub(super) fn read(mut file: &File, length: u64) -> io::Result<Result<Self, String>> {
        if length < LENGTH as u64 {
            return Ok(Err(format!("it ends after {length} bytes, within its header")));
        }
        let mut bytes = [0; LENGTH];
        file.read_exact(&mut bytes)?;
        Ok(Self::from_bytes(&bytes).and_then(|header| header.check_length(length)))
    }

    fn from_bytes(bytes: &[u8; LENGTH]) -> Result<Self, String> {
        let mut rest = Fields(bytes);
        if rest.take() != MAGIC {
            return Err("it is no token file".to_owned());
        }
        let version = u32::from_le_bytes(rest.take());
        if version != VERSION {
            return Err(format!("its format is version {version}, this program's is {VERSION}"));
        }
        if blake3::hash(&bytes[..CHECKSUM_AT]).as_bytes() != &bytes[CHECKSUM_AT..] {
            return Err("its header does not match its checksum".to_owned());
        }
        Ok(Self {
            width: u32::from_le_bytes(rest.take()),
            vocabulary: u32::from_le_bytes(rest.take()),
            train: u64::from_le_bytes(rest.take()),
            validation: u64::from_le_bytes(rest.take()),
            documents: u64::from_le_bytes(rest.take()),
            bytes: u64::from_le_bytes(rest.take()),
            files_left_out: u64::from_le_bytes(rest.take()),
            corpus: rest.take(),
            fingerprint: rest.take(),
            payload: rest.take(),
        })
    }

    fn check_length(self, length: u64) -> Result<Self, String> {
        let tokens_fit = matches!((self.width, self.vocabulary), (1, 1..=256) | (2, 1..=65_536));
        if !tokens_fit {
            return Err(format!(
                "it has {} bytes per token for a vocabulary of {}",
                self.width, self.vocabulary
            ));
        }
        let expected = self
            .train
            .checked_add(self.validation)
            .and_then(|tokens| tokens.checked_mul(u64::from(self.width)))
            .and_then(|payload| payload.checked_add(LENGTH as u64));
        if expected != Some(length) {
            let expected = expected.map_or("more".to_owned(), |n| n.to_string());
            return Err(format!("it is {length} bytes long and should be {expected}"));
        }
        Ok(self)
    }
}

/// Takes fields of fixed size off the front of the header, which is longer than all of them.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const SIZE: usize>(&mut self) -> [u8; SIZE] {
        let mut field = [0; SIZE];
        let (head, rest) = self.0.split_at(SIZE);
        field.copy_from_slice(head);
        self.0 = rest;
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            width: 2,
            vocabulary: 4096,
            train: 100,
            validation: 7,
            documents: 3,
            bytes: 104,
            files_left_out: 1,
            corpus: [1; 32],
            fingerprint: [2; 32],
            payload: [3; 32],
        }
    }

    #[test]
    fn a_header_comes_back_as_written() {
        assert_eq!(Header::from_bytes(&header().to_bytes()), Ok(header()));
        assert!(header().check_length(256 + 2 * 107).is_ok());
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let good = header().to_bytes();
        for at in 0..LENGTH {
            let mut bad = good;
            bad[at] ^= 0x10;
            assert!(Header::from_bytes(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn counts_that_do_not_fit_the_length_are_refused_without_overflow() {
        for (train, validation) in [(u64::MAX, 1), (1 << 63, 0), (u64::MAX / 2, 0), (100, 8)] {
            let wrong = Header { train, validation, ..header() };
            assert!(wrong.check_length(256 + 2 * 107).is_err());
        }
        for (width, vocabulary) in [(0, 256), (1, 257), (2, 65_537), (4, 9), (1, 0)] {
            let wrong = Header { width, vocabulary, ..header() };
            assert!(wrong.check_length(256 + 2 * 107).is_err());
        }
    }
}
