//! Glob patterns over the paths of a commit: `*` and `?` within one part,
//! `[a-z]`, and `**` for any number of folders. Used by `glob` and by the
//! filters of `source`.

/// A pattern, taken apart.
#[derive(Debug, Clone)]
pub struct Pattern(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    /// `**`
    Folders,
    Name(Vec<char>),
}

impl Pattern {
    /// # Errors
    /// When the pattern is empty, absolute, climbs, or has a `[` without `]`.
    pub fn new(text: &str) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("the pattern {text:?} {why}"));
        if text.is_empty() || text.starts_with('/') {
            return bad("must be a relative path");
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => return bad("has an empty part"),
                ".." => return bad("may not climb with '..'"),
                "**" => parts.push(Part::Folders),
                name if unclosed(name) => return bad("has a '[' without its ']'"),
                name => parts.push(Part::Name(name.chars().collect())),
            }
        }
        // `**/**` says what `**` says, and costs more.
        parts.dedup_by(|a, b| matches!((a, b), (Part::Folders, Part::Folders)));
        Ok(Pattern(parts))
    }

    /// Whether the whole path agrees.
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        parts_match(&self.0, &names)
    }

    /// Whether the path, or a folder it lies in, agrees: what a filter selects.
    pub fn selects(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.chain([path.len()])
            .any(|end| self.matches(&path[..end]))
    }
}

fn unclosed(name: &str) -> bool {
    let mut rest = name;
    while let Some((_, class)) = rest.split_once('[') {
        match class.char_indices().skip(1).find(|(_, c)| *c == ']') {
            Some((end, _)) => rest = &class[end + 1..],
            None => return true,
        }
    }
    false
}

/// Each part is tried once per name: time is their product, never exponential.
fn parts_match(parts: &[Part], names: &[&str]) -> bool {
    let mut reachable = vec![false; names.len() + 1];
    reachable[0] = true;
    for part in parts {
        let mut next = vec![false; names.len() + 1];
        match part {
            Part::Folders => {
                let mut any = false;
                for (at, slot) in next.iter_mut().enumerate() {
                    any |= reachable[at];
                    *slot = any;
                }
            }
            Part::Name(pattern) => {
                for (at, name) in names.iter().enumerate() {
                    next[at + 1] = reachable[at] && name_matches(pattern, name);
                }
            }
        }
        reachable = next;
    }
    reachable[names.len()]
}

/// The usual loop with one point to come back to: the last `*`.
fn name_matches(pattern: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
        } else if let Some(width) = one_matches(&pattern[p..], name[n]) {
            p += width;
            n += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, n) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How many pattern characters match this one character.
fn one_matches(pattern: &[char], c: char) -> Option<usize> {
    match *pattern.first()? {
        '?' => Some(1),
        '[' => {
            let end = (2..pattern.len()).find(|at| pattern[*at] == ']')?;
            let class = &pattern[1..end];
            let (negated, class) = match class.first() {
                Some('!' | '^') => (true, &class[1..]),
                _ => (false, class),
            };
            (in_class(class, c) != negated).then_some(end + 1)
        }
        literal => (literal == c).then_some(1),
    }
}

fn in_class(class: &[char], c: char) -> bool {
    let mut at = 0;
    while at < class.len() {
        if class.get(at + 1) == Some(&'-') && at + 2 < class.len() {
            if (class[at]..=class[at + 2]).contains(&c) {
                return true;
            }
            at += 3;
        } else {
            if class[at] == c {
                return true;
            }
            at += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, path, expected) in [
            ("*.c", "a.c", true),
            ("*.c", "src/a.c", false),
            ("**/*.c", "a.c", true),
            ("**/*.c", "x/y/a.c", true),
            ("src/**", "src/x/y", true),
            ("src/**/b", "src/b", true),
            ("a?c", "abc", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
        ] {
            let matched = Pattern::new(pattern).unwrap().matches(path);
            assert_eq!(matched, expected, "{pattern} {path}");
        }
        assert!(Pattern::new("tests").unwrap().selects("tests/a/b.c"));
        for bad in ["", "/a", "a//b", "../a", "[a"] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_not_slow() {
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!Pattern::new(&pattern).unwrap().matches(&"a".repeat(2000)));
        let folders = format!("{}b", "**/x/".repeat(100));
        assert!(!Pattern::new(&folders).unwrap().matches(&"x/".repeat(400)));
    }
}
