//! Brackets are counted before the text is parsed: the parser needs stack for
//! each of them, and a repository must not be able to use it up.

/// Deeper nesting is no configuration.
pub const MAX_NESTING: usize = 200;

/// Line and column (from 1) of the first bracket that is nested too deeply.
pub fn too_deep(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'#' => at = end_of_line(bytes, at),
            quote @ (b'"' | b'\'') => {
                at = end_of_string(bytes, at, quote);
                continue;
            }
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Some(place(text, at));
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    let rest = bytes[at..].iter().position(|b| *b == b'\n');
    rest.map_or(bytes.len(), |n| at + n)
}

/// The byte after the string that begins here. In a raw string too a backslash
/// keeps the quote after it from ending the string.
fn end_of_string(bytes: &[u8], start: usize, quote: u8) -> usize {
    let triple = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if triple { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'\n' if !triple => return at, // unfinished: the parser will say so
            b if b == quote && !triple => return at + 1,
            b if b == quote && bytes[at..].starts_with(&[quote; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let line = text[..at].matches('\n').count() + 1;
    (line, text[line_start..at].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e03_deep_brackets_are_found_before_they_are_parsed() {
        let deep = format!("x = 1\ny = {}", "[".repeat(100_000));
        assert_eq!(too_deep(&deep), Some((2, 5 + MAX_NESTING)));
        let text = "[".repeat(1000);
        for harmless in [
            format!("x = '{text}'"),
            format!("x = \"\"\"\n{text} \" \n\"\"\""),
            format!("# {text}"),
            format!("x = r'\\'{text}'"),
            "f([{}])\n".repeat(1000),
        ] {
            assert_eq!(too_deep(&harmless), None, "{}", &harmless[..20]);
        }
    }
}
