//! CRC-32, as zlib has it, and CRC-32C, as TensorBoard has it.

const ZLIB: [u32; 256] = table(0xEDB8_8320);
const CASTAGNOLI: [u32; 256] = table(0x82F6_3B78);

const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ polynomial } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

fn run<'a>(table: &[u32; 256], bytes: impl Iterator<Item = &'a u8>) -> u32 {
    !bytes.fold(!0, |crc, &byte| table[((crc ^ u32::from(byte)) & 0xFF) as usize] ^ crc >> 8)
}

/// CRC-32 of the parts, one after another.
pub(super) fn crc32(parts: [&[u8]; 2]) -> u32 {
    run(&ZLIB, parts.into_iter().flatten())
}

/// CRC-32C, rotated and shifted as TFRecord files store it.
pub(super) fn masked_crc32c(bytes: &[u8]) -> u32 {
    run(&CASTAGNOLI, bytes.iter()).rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_both_polynomials_come_out() {
        // The standard check values: the checksum of the digits 1 to 9.
        assert_eq!(crc32([b"1234", b"56789"]), 0xCBF4_3926);
        assert_eq!(run(&CASTAGNOLI, b"123456789".iter()), 0xE306_9283);
    }
}
