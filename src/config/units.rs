//! Durations and sizes as people write them.

use std::time::Duration;

/// From the largest; each at most once and in this order.
const DURATIONS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
const SIZES: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Reads `60s`, `5m`, `1h30m`, `0s`; units are `d`, `h`, `m`, `s`.
///
/// # Errors
/// What is expected instead, for people.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is not a duration; write for example \"90s\", \"5m\" or \"1h30m\"");
    let mut units = DURATIONS.iter();
    let mut rest = text;
    let mut seconds = 0u64;
    while !rest.is_empty() || text.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(wrong)?;
        let unit = units.find(|(unit, _)| after.starts_with(unit));
        let (unit, factor) = unit.ok_or_else(wrong)?;
        seconds = number
            .checked_mul(*factor)
            .and_then(|part| seconds.checked_add(part))
            .filter(|seconds| *seconds <= 100 * 365 * 86_400)
            .ok_or_else(|| format!("{text:?} is longer than 100 years"))?;
        rest = &after[unit.len()..];
    }
    Ok(Duration::from_secs(seconds))
}

/// Reads `1GiB`, `64MiB`, `512B` as bytes; units are powers of 1024.
///
/// # Errors
/// What is expected instead, for people.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write for example \"64MiB\" or \"1GiB\"");
    let (number, after) = leading_number(text).ok_or_else(wrong)?;
    let unit = SIZES.iter().find(|(unit, _)| *unit == after);
    let (_, factor) = unit.ok_or_else(wrong)?;
    number
        .checked_mul(*factor)
        .ok_or_else(|| format!("{text:?} is too large"))
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at(digits);
    Some((number.parse().ok()?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [
            ("0s", 0),
            ("60s", 60),
            ("5m", 300),
            ("1h30m", 5_400),
            ("2d1s", 172_801),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in [
            "",
            "60",
            "s",
            "5 m",
            "30m1h",
            "5m5m",
            "-1s",
            "1.5h",
            "1y",
            "99999999999999999999s",
            "40000d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0B", 0),
            ("512B", 512),
            ("64MiB", 64 << 20),
            ("1GiB", 1 << 30),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in [
            "",
            "1",
            "GiB",
            "1GB",
            "1 GiB",
            "1.5GiB",
            "-1B",
            "99999999999TiB",
        ] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }
}
