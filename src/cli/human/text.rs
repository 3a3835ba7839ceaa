//! Small pieces: times, colours, and text made safe for a terminal.

use crate::model;
use pbjson_types::Timestamp;
use time::OffsetDateTime;

pub const RED: &str = "31";
pub const GREEN: &str = "32";
pub const YELLOW: &str = "33";
pub const BOLD: &str = "1";

/// `text` in a colour, if there are colours.
pub fn paint(text: &str, code: &str, color: bool) -> String {
    match color {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}

/// Without control characters, but line ends and tabs.
pub fn plain(text: &str) -> String {
    let mut safe = Vec::new();
    TerminalFilter::default().write(text.as_bytes(), &mut safe);
    String::from_utf8_lossy(&safe).into_owned()
}

/// The first line only, made safe.
pub fn first_line(text: &str) -> String {
    plain(text.lines().next().unwrap_or_default())
}

/// Takes escape sequences and control characters out of a stream of bytes.
#[derive(Debug, Default)]
pub struct TerminalFilter {
    escape: Escape,
}

#[derive(Debug, Default, PartialEq)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Begun,
    /// In `ESC [ ... letter`.
    Sequence,
}

impl TerminalFilter {
    /// Appends what is safe of `bytes` to `safe`.
    pub fn write(&mut self, bytes: &[u8], safe: &mut Vec<u8>) {
        for &byte in bytes {
            self.escape = match (&self.escape, byte) {
                (_, 0x1b) => Escape::Begun,
                (Escape::Begun, b'[') => Escape::Sequence,
                (Escape::Sequence, b'0'..=b'?' | b' '..=b'/') => Escape::Sequence,
                (Escape::Begun | Escape::Sequence, b'@'..=b'~') => Escape::None,
                _ => {
                    if matches!(byte, b'\n' | b'\t' | 0x20..=0x7e | 0x80..) {
                        safe.push(byte);
                    }
                    Escape::None
                }
            };
        }
    }
}

/// A wire time; none when it is out of any calendar.
pub fn moment(at: &Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(at.seconds)
        .ok()
        .and_then(|second| second.checked_add(time::Duration::nanoseconds(i64::from(at.nanos))))
}

/// `2026-11-21 09:00:12 UTC`
pub fn clock(at: Option<&Timestamp>) -> String {
    let Some(at) = at.and_then(moment) else {
        return "never".into();
    };
    model::clock(at)
}

/// `12 s ago`, `in 3 min`
pub fn ago(at: Option<&Timestamp>, now: OffsetDateTime) -> String {
    match at.and_then(moment) {
        None => "never".into(),
        Some(at) if at > now => format!("in {}", rough(at - now)),
        Some(at) if now - at < time::Duration::seconds(1) => "just now".into(),
        Some(at) => format!("{} ago", rough(now - at)),
    }
}

fn rough(length: time::Duration) -> String {
    match length.whole_seconds() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `1.3 s`, `4 min 10 s`
pub fn lasting(length: time::Duration) -> String {
    let length = length.max(time::Duration::ZERO);
    match length.whole_seconds() {
        ..100 => format!("{:.1} s", length.as_seconds_f64()),
        seconds @ ..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Between two wire times.
pub fn between(from: Option<&Timestamp>, to: Option<&Timestamp>) -> Option<time::Duration> {
    Some(moment(to?)? - moment(from?)?)
}

/// The first twelve digits of a commit id.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
