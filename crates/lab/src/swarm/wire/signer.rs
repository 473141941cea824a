//! A peer's key.

use std::fmt;

use diagnostic::Diagnostic;
use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};

/// Signs for one peer. Its counter only rises, so what was signed can be used once.
pub struct Signer {
    keys: KeyPair,
    counter: u64,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key", &self.key()).finish_non_exhaustive()
    }
}

impl Signer {
    /// The same key for the same seed; whoever knows the seed can sign.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        // Hashed, since the library panics at a seed of zeros.
        let seed = blake3::derive_key("isoflop swarm signer", &seed);
        Self { keys: KeyPair::from_seed(Seed::new(seed)), counter: 0 }
    }

    /// A new key, from the randomness of the operating system.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn fresh() -> Result<Self, Diagnostic> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|why| {
            Diagnostic::error(format!("the system gives no random numbers for a key: {why}"))
        })?;
        Ok(Self::from_seed(seed))
    }

    /// The public key.
    pub fn key(&self) -> [u8; 32] {
        *self.keys.pk
    }

    /// The next counter: `now`, in nanoseconds of any clock that others share, or one more than
    /// the last.
    pub(super) fn count(&mut self, now: u64) -> u64 {
        self.counter = now.max(self.counter.saturating_add(1));
        self.counter
    }

    /// The signature of `bytes`.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        *self.keys.sk.sign(bytes, None)
    }
}

/// Whether the holder of `key` signed `bytes`.
pub(super) fn verify(key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool {
    PublicKey::new(*key).verify(bytes, &Signature::new(*signature)).is_ok()
}
