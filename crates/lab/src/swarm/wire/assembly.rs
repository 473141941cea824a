//! Large objects in pieces, in any order, some of them again.

use diagnostic::Diagnostic;

use super::{Object, Piece};

/// Bytes in a piece; the last one of an object may have fewer.
pub const PIECE: usize = 256 * 1024;

/// The pieces of an object from byte `offset` on (rounded down to a whole piece), in order.
pub fn pieces(object: Object, bytes: &[u8], offset: u64) -> impl Iterator<Item = Piece> + '_ {
    let hash = *blake3::hash(bytes).as_bytes();
    let first = usize::try_from(offset).unwrap_or(usize::MAX) / PIECE;
    bytes.chunks(PIECE).enumerate().skip(first).map(move |(index, part)| Piece {
        object,
        hash,
        total: bytes.len() as u64,
        offset: (index * PIECE) as u64,
        bytes: part.to_vec(),
    })
}

/// Puts an object together again. Memory: the size that the receiver expects, and a bit for each
/// piece, whatever a peer says.
#[derive(Debug, Clone)]
pub struct Assembly {
    hash: [u8; 32],
    bytes: Vec<u8>,
    have: Vec<bool>,
    left: usize,
}

impl Assembly {
    /// An object of `total` bytes, as the receiver knows it, with the hash that the first piece says.
    pub fn new(total: usize, hash: [u8; 32]) -> Self {
        let count = total.div_ceil(PIECE);
        Self { hash, bytes: vec![0; total], have: vec![false; count], left: count }
    }

    /// Takes a piece; one that is there already changes nothing.
    ///
    /// # Errors
    /// If it belongs to another object, or does not have the place and size of a piece.
    pub fn add(&mut self, piece: &Piece) -> Result<(), Diagnostic> {
        let refused = |why: &str| Err(Diagnostic::error(format!("a piece is refused: {why}")));
        if piece.hash != self.hash {
            return refused("it belongs to another version of the object");
        }
        if piece.total != self.bytes.len() as u64 {
            return refused(&format!(
                "the object has {} bytes, expected {}",
                piece.total,
                self.bytes.len()
            ));
        }
        let index = usize::try_from(piece.offset).ok().filter(|at| at % PIECE == 0);
        let Some(index) = index.map(|at| at / PIECE).filter(|index| *index < self.have.len())
        else {
            return refused("it starts where no piece does");
        };
        let start = index * PIECE;
        let place = start..(start + PIECE).min(self.bytes.len());
        if piece.bytes.len() != place.len() {
            return refused("it has not the size of a piece");
        }
        if !self.have[index] {
            self.bytes[place].copy_from_slice(&piece.bytes);
            self.have[index] = true;
            self.left -= 1;
        }
        Ok(())
    }

    /// The first run of bytes that is missing, as offset and length; `None` if all are there.
    pub fn missing(&self) -> Option<(u64, u64)> {
        let first = self.have.iter().position(|have| !have)?;
        let end = self.have[first..].iter().position(|have| *have);
        let end = end.map_or(self.bytes.len(), |n| (first + n) * PIECE);
        Some(((first * PIECE) as u64, (end - first * PIECE) as u64))
    }

    /// Bytes that are there.
    pub fn received(&self) -> usize {
        let last = self.bytes.len() - (self.have.len().saturating_sub(1)) * PIECE;
        self.have
            .iter()
            .enumerate()
            .filter(|(_, have)| **have)
            .map(|(index, _)| if index + 1 == self.have.len() { last } else { PIECE })
            .sum()
    }

    /// The object, once all pieces are there.
    ///
    /// # Errors
    /// If one is missing, or the whole has not the hash that its pieces said.
    pub fn finish(self) -> Result<Vec<u8>, Diagnostic> {
        if self.left > 0 {
            return Err(Diagnostic::error(format!("{} pieces are missing", self.left)));
        }
        if *blake3::hash(&self.bytes).as_bytes() != self.hash {
            return Err(Diagnostic::error("the pieces do not make up the object they belong to")
                .note("the peer that sent them is broken or hostile"));
        }
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: Object = Object::Checkpoint { shard: 0 };

    fn object(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn pieces_in_any_order_make_the_object_and_a_broken_transfer_resumes() {
        let bytes = object(3 * PIECE + 17);
        let parts: Vec<Piece> = pieces(OBJECT, &bytes, 0).collect();
        let mut assembly = Assembly::new(bytes.len(), parts[0].hash);
        for index in [3, 0, 0] {
            assembly.add(&parts[index]).unwrap();
        }
        assert_eq!(assembly.received(), PIECE + 17);
        let (offset, length) = assembly.missing().unwrap();
        assert_eq!((offset, length), (PIECE as u64, 2 * PIECE as u64));
        for piece in pieces(OBJECT, &bytes, offset) {
            assembly.add(&piece).unwrap();
        }
        assert_eq!(assembly.missing(), None);
        assert_eq!(assembly.finish().unwrap(), bytes);
    }

    #[test]
    fn pieces_that_do_not_fit_are_refused_and_a_wrong_byte_is_found() {
        let bytes = object(PIECE + 5);
        let parts: Vec<Piece> = pieces(OBJECT, &bytes, 0).collect();
        let fresh = || Assembly::new(bytes.len(), parts[0].hash);
        for (change, says) in [
            (Piece { offset: 1, ..parts[0].clone() }, "starts where no piece does"),
            (Piece { offset: u64::MAX, ..parts[0].clone() }, "starts where no piece does"),
            (Piece { total: 1 << 60, ..parts[0].clone() }, "expected 262149"),
            (Piece { offset: 0, ..parts[1].clone() }, "size of a piece"),
            (Piece { hash: [0; 32], ..parts[0].clone() }, "another version"),
        ] {
            let problem = fresh().add(&change).unwrap_err();
            assert!(problem.message().contains(says), "{problem}");
        }
        let mut assembly = fresh();
        assert!(assembly.clone().finish().is_err());
        let mut wrong = parts.clone();
        wrong[1].bytes[2] ^= 1;
        wrong.iter().for_each(|piece| assembly.add(piece).unwrap());
        assert!(assembly.finish().is_err());
    }

    #[test]
    fn an_empty_object_is_complete_at_once() {
        assert_eq!(pieces(OBJECT, &[], 0).count(), 0);
        let assembly = Assembly::new(0, *blake3::hash(&[]).as_bytes());
        assert_eq!((assembly.missing(), assembly.received()), (None, 0));
        assert_eq!(assembly.finish().unwrap(), Vec::<u8>::new());
    }
}
