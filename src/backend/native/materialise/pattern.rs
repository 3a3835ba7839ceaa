//! Glob patterns over paths: `*` and `?` within a name, `**` over folders.

/// A pattern, split at its slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Vec<u8>>);

impl Pattern {
    /// Every text is a pattern; empty parts and `.` mean nothing.
    pub(super) fn new(text: &str) -> Self {
        let parts = text
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".");
        Pattern(parts.map(|part| part.as_bytes().to_vec()).collect())
    }

    /// Whether the pattern names this path as a whole, given by its parts.
    ///
    /// A table in place of trying: time is patterns' parts times path's parts,
    /// however many `**` there are.
    pub(super) fn matches(&self, path: &[Vec<u8>]) -> bool {
        // after[n]: the pattern's parts so far can match the path's first n.
        let mut after = vec![false; path.len() + 1];
        after[0] = true;
        for part in &self.0 {
            let mut next = vec![false; path.len() + 1];
            for n in 0..=path.len() {
                next[n] = match part.as_slice() {
                    b"**" => after[n] || n > 0 && next[n - 1],
                    part => n > 0 && after[n - 1] && matches_name(part, &path[n - 1]),
                };
            }
            after = next;
        }
        after[path.len()]
    }
}

/// `*` is any bytes, `?` one character; on failure only the last `*` is tried longer.
fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(b'?') => {
                (p, n) = (p + 1, n + character(&name[n..]));
            }
            Some(byte) if *byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (p, n) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Bytes of the first character: one where the name is not UTF-8.
fn character(name: &[u8]) -> usize {
    let first = name
        .utf8_chunks()
        .next()
        .and_then(|chunk| chunk.valid().chars().next());
    first.map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let parts: Vec<Vec<u8>> = path
            .split('/')
            .map(|part| part.as_bytes().to_vec())
            .collect();
        Pattern::new(pattern).matches(&parts)
    }

    #[test]
    fn patterns_match_what_people_mean() {
        for (pattern, path, expected) in [
            ("a.c", "a.c", true),
            ("a.c", "src/a.c", false),
            ("*.c", "a.c", true),
            ("*.c", "src/a.c", false),
            ("**/*.c", "a.c", true),
            ("**/*.c", "src/deep/a.c", true),
            ("src/**", "src/deep/a.c", true),
            ("src/**", "src", true),
            ("src/**/a.c", "src/a.c", true),
            ("**", "anything/at/all", true),
            ("?.c", "é.c", true),
            ("?.c", ".c", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("./src/", "src", true),
            ("[a].c", "a.c", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = "**/a*a*a*a*a*a*a*a/".repeat(40) + "b";
        let path = format!("{}c", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/".repeat(60));
        assert!(!matches(&pattern, &path));
    }
}
