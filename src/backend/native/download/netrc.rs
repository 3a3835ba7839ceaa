//! `.netrc`: which login a host wants, as curl and ftp read it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A login for one host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login") // neither part of it belongs in a log
    }
}

/// The first login the text has for `host`. An entry `default` is for no host
/// in particular, and is given to none.
pub fn login(text: &str, host: &str) -> Option<Login> {
    let mut words = Words { text };
    let mut found: Option<Login> = None;
    let mut here = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" | "default" if found.is_some() => break,
            "machine" => {
                let name = words.next();
                here = name.is_some_and(|name| name.eq_ignore_ascii_case(host));
            }
            "default" => here = false,
            "macdef" => words.skip_macro(),
            "login" | "password" | "account" => {
                let value = words.next().unwrap_or_default();
                if here && word != "account" {
                    let login = found.get_or_insert_with(|| Login {
                        user: String::new(),
                        password: String::new(),
                    });
                    match word.as_str() {
                        "login" => login.user = value,
                        _ => login.password = value,
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Every password the text holds, whosever it is.
pub fn passwords(text: &str) -> Vec<String> {
    let mut words = Words { text };
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "password" => found.extend(words.next()),
            "machine" | "login" | "account" => drop(words.next()),
            "macdef" => words.skip_macro(),
            _ => {}
        }
    }
    found
}

struct Words<'t> {
    text: &'t str,
}

impl Words<'_> {
    /// The next word; one in double quotes may hold white space and `\"`.
    fn next(&mut self) -> Option<String> {
        loop {
            self.text = self.text.trim_start();
            match self.text.strip_prefix('#') {
                Some(comment) => self.text = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        if let Some(quoted) = self.text.strip_prefix('"') {
            return Some(self.quoted(quoted.to_owned()));
        }
        let end = self.text.find(char::is_whitespace);
        let (word, rest) = self.text.split_at(end.unwrap_or(self.text.len()));
        self.text = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn quoted(&mut self, text: String) -> String {
        let mut word = String::new();
        let mut taken = 1; // the opening quote
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            taken += c.len_utf8();
            match c {
                '"' => break,
                '\\' => {
                    let Some(escaped) = chars.next() else { break };
                    taken += escaped.len_utf8();
                    word.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        other => other,
                    });
                }
                c => word.push(c),
            }
        }
        self.text = &self.text[taken..];
        word
    }

    /// A macro ends at an empty line.
    fn skip_macro(&mut self) {
        self.text = self.text.split_once("\n\n").map_or("", |(_, rest)| rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str, host: &str) -> Option<(String, String)> {
        login(text, host).map(|login| (login.user, login.password))
    }

    #[test]
    fn the_first_entry_of_the_host_counts_and_default_is_for_nobody() {
        let text = "# mine\nmachine a.example login ann password \"p \\\" w\"\n\
                    macdef init\nmachine b.example login evil password evil\n\n\
                    machine B.example\n  password pb\n  account x login bob\n\
                    machine a.example login later password later\n\
                    default login anonymous password guest\n";
        let said = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(pair(text, "a.example"), said("ann", "p \" w"));
        assert_eq!(pair(text, "b.example"), said("bob", "pb"));
        assert_eq!(pair(text, "c.example"), None);
        assert_eq!(pair("machine", "c"), None);
        assert_eq!(passwords(text), ["p \" w", "pb", "later", "guest"]);
        assert_eq!(pair("machine c login \"x\\", "c"), said("x", ""));
    }
}
