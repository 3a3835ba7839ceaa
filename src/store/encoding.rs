//! Text forms of bytes: Nix's base32, base64 and hex.

/// The digits of Nix's base32, which leaves out `e`, `o`, `t` and `u`.
pub const BASE32_DIGITS: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

const BASE64_DIGITS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// For each byte, whether it is a base32 digit.
pub(super) const IS_BASE32: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 32 {
        table[BASE32_DIGITS[i] as usize] = true;
        i += 1;
    }
    table
};

/// Nix's base32: most significant digit first, bytes least significant first.
pub fn base32(bytes: &[u8]) -> String {
    let digits = (bytes.len() * 8).div_ceil(5);
    let digit = |n: usize| {
        let (byte, shift) = (n * 5 / 8, n * 5 % 8);
        let low = u16::from(bytes[byte]);
        let high = bytes.get(byte + 1).copied().map_or(0, u16::from);
        char::from(BASE32_DIGITS[((low | high << 8) >> shift & 0x1f) as usize])
    };
    (0..digits).rev().map(digit).collect()
}

/// The bytes of a Nix base32 text; `None` when a digit, the length or the
/// unused high bits are wrong.
pub fn from_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let mut bytes = [0; N];
    for (n, c) in text.bytes().rev().enumerate() {
        let digit = BASE32_DIGITS.iter().position(|&d| d == c)? as u16;
        let (byte, shift) = (n * 5 / 8, n * 5 % 8);
        let [low, high] = (digit << shift).to_le_bytes();
        bytes[byte] |= low;
        match bytes.get_mut(byte + 1) {
            Some(next) => *next |= high,
            None if high != 0 => return None,
            None => {}
        }
    }
    Some(bytes)
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(digit).collect()
}

/// The bytes of a hex text of either case.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// Standard base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| chunk.get(i).copied().map_or(0, u32::from);
        let group = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            text.push(match i <= chunk.len() {
                true => char::from(BASE64_DIGITS[(group >> (18 - 6 * i) & 0x3f) as usize]),
                false => '=',
            });
        }
    }
    text
}

/// The bytes of a padded base64 text of exactly `N` bytes.
pub fn from_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = Vec::with_capacity(N + 2);
    for group in text.as_bytes().chunks(4) {
        let value = group.iter().try_fold(0u32, |value, &c| {
            let digit = match c {
                b'=' => 0,
                c => BASE64_DIGITS.iter().position(|&d| d == c)? as u32,
            };
            Some(value << 6 | digit)
        })?;
        bytes.extend_from_slice(&value.to_be_bytes()[1..]);
    }
    let bytes: [u8; N] = bytes.get(..N)?.try_into().ok()?;
    // Refuses what is not the one canonical spelling: stray `=`, spare bits.
    (base64(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn base32_of_the_empty_sha256_is_what_nix_prints() {
        let empty: [u8; 32] = Sha256::digest(b"").into();
        let text = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
        assert_eq!(base32(&empty), text);
        assert_eq!(from_base32(text), Some(empty));
    }

    #[test]
    fn base32_refuses_spare_bits_foreign_digits_and_lengths() {
        assert_eq!(from_base32::<1>("8z"), None);
        assert_eq!(from_base32::<1>("7z"), Some([0xff]));
        assert_eq!(from_base32::<1>("7e"), None);
        assert_eq!(from_base32::<1>("7"), None);
    }

    #[test]
    fn base64_is_the_common_one_and_canonical_only() {
        assert_eq!(base64(b"kiln"), "a2lsbg==");
        assert_eq!(from_base64::<4>("a2lsbg=="), Some(*b"kiln"));
        assert_eq!(from_base64::<4>("a2lsbh=="), None);
        assert_eq!(from_base64::<4>("a2lsbg"), None);
        assert_eq!(from_base64::<3>("a2lsbg=="), None);
    }

    #[test]
    fn hex_is_read_in_either_case() {
        assert_eq!(hex(&[0, 0xab]), "00ab");
        assert_eq!(from_hex("00AB"), Some([0, 0xab]));
        assert_eq!(from_hex::<2>("00ag"), None);
    }
}
