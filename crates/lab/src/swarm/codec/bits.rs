//! Numbers of a few bits each, packed without gaps, lowest bit first.

/// Appends numbers to bytes.
pub(super) struct BitWriter<'a> {
    bytes: &'a mut Vec<u8>,
    pending: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes, pending: 0, count: 0 }
    }

    /// Writes the `width` ≤ 32 low bits of `number`; the others must be 0.
    pub(super) fn write(&mut self, number: u32, width: u32) {
        self.pending |= u64::from(number) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn finish(self) {
        if self.count > 0 {
            self.bytes.push(self.pending as u8);
        }
    }
}

/// Reads numbers from bytes; past the end, zeros.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    pending: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pending: 0, count: 0 }
    }

    pub(super) fn read(&mut self, width: u32) -> u32 {
        while self.count < width {
            let (byte, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
            self.bytes = rest;
            self.pending |= u64::from(*byte) << self.count;
            self.count += 8;
        }
        let number = (self.pending & ((1_u64 << width) - 1)) as u32;
        self.pending >>= width;
        self.count -= width;
        number
    }
}

/// Bits of an index below `len`.
pub(super) fn index_bits(len: usize) -> u32 {
    len.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}
