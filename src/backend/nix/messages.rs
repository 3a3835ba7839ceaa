//! What Nix says on standard error with `--log-format internal-json`: a line
//! `@nix {json}` for each message, activity and result (the numbers are those of
//! `src/libutil/logging.hh` of Nix 2.4 and later). Lines that are not understood
//! are skipped: another version may say more. Nothing in them is trusted: lines
//! have a limit, and what would steer a terminal is taken out.

use serde::Deserialize;
use serde_json::Value;

/// Bytes of a line that are looked at: the trace of an endless recursion has some
/// megabytes.
const MAX_LINE: usize = 32 << 20;
/// Bytes that are kept for the next line.
const USUAL_LINE: usize = 64 << 10;
/// `Verbosity::lvlInfo`: what is beyond it is for debugging.
const INFO: u64 = 3;

/// One thing Nix said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// What failed: as a person is shown it, and without trace and colours.
    Error {
        text: String,
        message: String,
    },
    /// For people.
    Said(String),
    Started {
        id: u64,
        activity: Activity,
        /// For people; may be empty.
        text: String,
    },
    Stopped {
        id: u64,
    },
    /// A line of a step's log.
    LogLine {
        id: u64,
        line: String,
    },
    /// Counts of the activity.
    Counts {
        id: u64,
        counts: Counts,
    },
}

/// What Nix is busy with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Activity {
    /// Building a derivation, here or on another host.
    Build {
        drv: String,
    },
    /// Bringing a store object from a binary cache.
    Substitute {
        path: String,
    },
    /// All builds together: has counts.
    Builds,
    /// All objects that are brought: has counts.
    Copies,
    Other,
}

/// Of all builds, or all objects brought, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub done: u64,
    pub expected: u64,
    pub failed: u64,
}

#[derive(Deserialize)]
struct Raw {
    action: String,
    id: Option<u64>,
    level: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<u64>,
    text: Option<String>,
    msg: Option<String>,
    raw_msg: Option<String>,
    #[serde(default)]
    fields: Vec<Value>,
}

impl Message {
    /// What a line says; `None`: nothing that counts here.
    fn read(line: &str) -> Option<Message> {
        let Some(json) = line.strip_prefix("@nix ") else {
            // A program Nix runs, or a library in it.
            return Some(Message::Said(plain(line)));
        };
        let raw: Raw = serde_json::from_str(json).ok()?;
        let text = |index: usize| raw.fields.get(index).and_then(Value::as_str);
        let number = |index: usize| raw.fields.get(index).and_then(Value::as_u64);
        match (raw.action.as_str(), raw.kind) {
            ("msg", _) if raw.level? > INFO => None,
            ("msg", _) => {
                let text = plain(&raw.msg?);
                Some(match (raw.level, raw.raw_msg) {
                    (Some(0), Some(message)) => Message::Error {
                        message: plain(&message),
                        text,
                    },
                    _ => Message::Said(text),
                })
            }
            ("start", Some(kind)) => {
                let activity = match (kind, text(0)) {
                    (105, Some(drv)) => Activity::Build { drv: plain(drv) },
                    (108, Some(path)) => Activity::Substitute { path: plain(path) },
                    (104, _) => Activity::Builds,
                    (103, _) => Activity::Copies,
                    _ => Activity::Other,
                };
                let shown = raw.level.is_some_and(|level| level <= INFO);
                let text = raw.text.filter(|_| shown).unwrap_or_default();
                Some(Message::Started {
                    id: raw.id?,
                    activity,
                    text: plain(&text),
                })
            }
            ("stop", _) => Some(Message::Stopped { id: raw.id? }),
            ("result", Some(101 | 107)) => Some(Message::LogLine {
                id: raw.id?,
                line: plain(text(0)?),
            }),
            ("result", Some(105)) => Some(Message::Counts {
                id: raw.id?,
                counts: Counts {
                    done: number(0)?,
                    expected: number(1)?,
                    failed: number(3)?,
                },
            }),
            _ => None,
        }
    }
}

/// Cuts what comes from a pipe into lines, each a [`Message`].
#[derive(Debug, Default)]
pub(super) struct Messages {
    line: Vec<u8>,
    /// The line is longer than is looked at: its rest is left out.
    overlong: bool,
}

impl Messages {
    /// Hands each message to `each` as soon as its line is whole.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Message)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.take(&bytes[..end]);
            self.end(&mut each);
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
    }

    /// Nothing more comes.
    pub fn finish(&mut self, mut each: impl FnMut(Message)) {
        if !self.line.is_empty() {
            self.end(&mut each);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.line.len();
        self.overlong |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(&mut self, each: &mut impl FnMut(Message)) {
        let line = String::from_utf8_lossy(&self.line);
        let message = match self.overlong && line.starts_with("@nix ") {
            true => None, // half a JSON text
            false => Message::read(line.trim_end_matches('\r')),
        };
        self.line.clear();
        self.line.shrink_to(USUAL_LINE);
        self.overlong = false;
        if let Some(message) = message {
            each(message);
        }
    }
}

/// The text without escape sequences and control characters but line breaks and
/// tabs.
pub(super) fn plain(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\n' | '\t' => kept.push(c),
            c if c.is_control() => {}
            c => kept.push(c),
        }
    }
    kept
}

/// What follows an escape: `[`, parameters, a letter; `]` or another string up
/// to its end; or one character.
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        Some('[') => {
            let _ = rest.find(|c| ('@'..='~').contains(c) || c.is_control());
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            let ended = rest.find(|c| c.is_control());
            if ended == Some('\u{1b}') {
                let _ = rest.next(); // the backslash of ESC \
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ESCAPE: char = '\u{1b}';

    fn all(pieces: &[&[u8]]) -> Vec<Message> {
        let (mut messages, mut found) = (Messages::default(), Vec::new());
        for piece in pieces {
            messages.push(piece, |message| found.push(message));
        }
        messages.finish(|message| found.push(message));
        found
    }

    /// As Nix 2.8 says it.
    const SAID: &str = concat!(
        r#"@nix {"action":"start","id":1,"level":0,"text":"","type":104}"#,
        "\n",
        r#"@nix {"action":"start","fields":["/nix/store/x-failing.drv","",1,1],"id":2,"level":3,"text":"building '/nix/store/x-failing.drv'","type":105}"#,
        "\n",
        r#"@nix {"action":"result","fields":[0,2,1,0],"id":1,"type":105}"#,
        "\n",
        r#"@nix {"action":"result","fields":["one \u001b[31mred"],"id":2,"type":101}"#,
        "\n",
        r#"@nix {"action":"msg","column":null,"file":null,"level":0,"line":null,"msg":"\u001b[31;1merror:\u001b[0m it failed","raw_msg":"it failed"}"#,
        "\n",
        r#"@nix {"action":"stop","id":2}"#,
        "\n",
        "GC Warning: Failed to expand heap\n",
    );

    #[test]
    fn f06_what_nix_2_8_says_is_understood() {
        let drv = "/nix/store/x-failing.drv".to_owned();
        let counts = Counts {
            done: 0,
            expected: 2,
            failed: 0,
        };
        let expected = [
            Message::Started {
                id: 1,
                activity: Activity::Builds,
                text: String::new(),
            },
            Message::Started {
                id: 2,
                activity: Activity::Build { drv: drv.clone() },
                text: format!("building '{drv}'"),
            },
            Message::Counts { id: 1, counts },
            Message::LogLine {
                id: 2,
                line: "one red".into(),
            },
            Message::Error {
                text: "error: it failed".into(),
                message: "it failed".into(),
            },
            Message::Stopped { id: 2 },
            Message::Said("GC Warning: Failed to expand heap".into()),
        ];
        assert_eq!(all(&[SAID.as_bytes()]), expected);
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        for (hostile, kept) in [
            ("a\u{1b}[2Jb", "ab"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]8;;http://x\u{1b}\\b", "ab"),
            ("a\u{1b}Pdevice\u{1b}\\b", "ab"),
            ("a\u{9b}31mb", "a31mb"),
            ("a\r\u{8}b\n\tc", "ab\n\tc"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ] {
            assert_eq!(plain(hostile), kept, "{hostile:?}");
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory_and_the_next_is_read() {
        let flood = vec![b'x'; MAX_LINE + 1000];
        let found = all(&[b"@nix ", &flood, b"\n@nix {\"action\":\"stop\",\"id\":7}\n"]);
        assert_eq!(found, [Message::Stopped { id: 7 }]);
        let Message::Said(text) = &all(&[&flood])[0] else {
            panic!("{found:?}")
        };
        assert_eq!(text.len(), MAX_LINE);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            all(&[&bytes]);
            all(&[b"@nix {\"action\":", &bytes]);
        }

        #[test]
        fn cuts_change_nothing(cuts in proptest::collection::vec(0..SAID.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&SAID.as_bytes()[from..cut]);
                from = cut;
            }
            pieces.push(&SAID.as_bytes()[from..]);
            prop_assert_eq!(all(&pieces), all(&[SAID.as_bytes()]));
        }

        #[test]
        fn changed_messages_are_read_or_skipped(
            at in 0..SAID.len(), byte in any::<u8>(), text in "\\PC{0,60}",
        ) {
            let mut changed = SAID.as_bytes().to_vec();
            changed[at] = byte;
            all(&[&changed]);
            for message in all(&[format!("@nix {{\"action\":\"msg\",\"level\":0,\"msg\":{text:?}}}").as_bytes()]) {
                if let Message::Said(text) = message {
                    prop_assert!(!text.contains(ESCAPE));
                }
            }
        }
    }
}
