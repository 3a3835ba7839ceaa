//! What of a flake or a Nix file is built: `nixosConfigurations."{host}"`.

use super::NixKind;
use crate::model::HostName;
use std::fmt;
use std::str::FromStr;

/// What stands for the host's name.
const HOST: &str = "{host}";
/// More names than this are a mistake.
const MAX_NAMES: usize = 32;

/// A template of an attribute path, as Nix writes one: names with dots between
/// them, a name with other characters in double quotes; `{host}` in a name is
/// the host's. No name holds a character that means something to Nix's strings
/// or to a flake's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute(Vec<String>);

/// Why a text is no attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAttribute {
    #[error("an attribute is names with dots between them, as in nixosConfigurations.\"{{host}}\"")]
    EmptyName,
    #[error("a double quote is not closed, or stands within a name")]
    Quote,
    #[error("a name may not hold {0:?}")]
    Character(char),
    #[error("a name with {0:?} needs double quotes")]
    Unquoted(char),
    #[error("it has more than 32 names")]
    TooLong,
}

impl Default for Attribute {
    /// `nixosConfigurations."{host}"`
    fn default() -> Self {
        Attribute(vec!["nixosConfigurations".into(), HOST.into()])
    }
}

impl Attribute {
    /// The names for this host; there is at least one.
    pub fn names(&self, host: &HostName) -> Vec<String> {
        let fill = |name: &String| name.replace(HOST, host.as_str());
        self.0.iter().map(fill).collect()
    }
}

/// Where in an attribute the host's name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlaceOfHost {
    /// The names before the one with the host's in it.
    pub path: Vec<String>,
    /// What stands around the host's name there.
    around: (String, String),
}

impl PlaceOfHost {
    /// The host that one of the names there is of.
    pub fn host<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (before, after) = &self.around;
        name.strip_prefix(before)?.strip_suffix(after)
    }

    /// The path to one of the names there.
    pub fn with(&self, name: &str) -> Vec<String> {
        let name = name.to_owned();
        self.path.iter().cloned().chain([name]).collect()
    }
}

impl Attribute {
    /// `None`: all hosts share it, or what they are told apart by has no other
    /// names beside it. (A flake's outputs are no hosts.)
    pub(super) fn place_of_host(&self, kind: NixKind) -> Option<PlaceOfHost> {
        let at = self.0.iter().position(|name| name.contains(HOST))?;
        let (before, after) = self.0[at].split_once(HOST)?;
        let is_output = at == 0 && kind == NixKind::Flake;
        (!is_output && !after.contains(HOST)).then(|| PlaceOfHost {
            path: self.0[..at].to_vec(),
            around: (before.to_owned(), after.to_owned()),
        })
    }
}

impl FromStr for Attribute {
    type Err = InvalidAttribute;

    fn from_str(text: &str) -> Result<Self, InvalidAttribute> {
        let mut names = Vec::new();
        let mut rest = text;
        loop {
            let (name, after) = next_name(rest)?;
            names.push(name.to_owned());
            match after {
                None if names.len() > MAX_NAMES => return Err(InvalidAttribute::TooLong),
                None => return Ok(Attribute(names)),
                Some(after) => rest = after,
            }
        }
    }
}

/// The first name of a path, and what follows its dot.
fn next_name(text: &str) -> Result<(&str, Option<&str>), InvalidAttribute> {
    let (name, after) = match text.strip_prefix('"') {
        Some(quoted) => {
            let (name, after) = quoted.split_once('"').ok_or(InvalidAttribute::Quote)?;
            match after.strip_prefix('.') {
                Some(after) => (name, Some(after)),
                None if after.is_empty() => (name, None),
                None => return Err(InvalidAttribute::Quote),
            }
        }
        None => {
            let (name, after) = match text.split_once('.') {
                Some((name, after)) => (name, Some(after)),
                None => (text, None),
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-'".contains(c);
            match name.replace(HOST, "").chars().find(|c| !plain(*c)) {
                Some('"') => return Err(InvalidAttribute::Quote),
                Some(c) => return Err(InvalidAttribute::Unquoted(c)),
                None => (name, after),
            }
        }
    };
    let means_something = |c: &char| c.is_control() || "\"\\$^#".contains(*c);
    match name.chars().find(means_something) {
        Some(c) => Err(InvalidAttribute::Character(c)),
        None if name.is_empty() => Err(InvalidAttribute::EmptyName),
        None => Ok((name, after)),
    }
}

/// As it is written in a configuration: what needs no quotes has none.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = self.0.iter().map(|name| shown(name));
        f.write_str(&quoted.collect::<Vec<_>>().join("."))
    }
}

/// A name as a person would write it in a path.
pub(super) fn shown(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-'".contains(&b);
    let begins = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    match name.bytes().all(plain) && name.bytes().next().is_some_and(begins) {
        true => name.to_owned(),
        false => format!("\"{name}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        let attribute: Attribute = text.parse().unwrap();
        attribute.names(&"web-1.example.org".parse().unwrap())
    }

    #[test]
    fn f01_a_template_names_the_host_wherever_it_stands() {
        let host = "web-1.example.org";
        for template in [
            "nixosConfigurations.\"{host}\"",
            "nixosConfigurations.{host}",
        ] {
            assert_eq!(names(template), ["nixosConfigurations", host]);
        }
        assert_eq!(
            names("hosts.\"a.b c\".x-{host}"),
            ["hosts", "a.b c", &format!("x-{host}")]
        );
        assert_eq!(
            Attribute::default().to_string(),
            "nixosConfigurations.\"{host}\""
        );
    }

    #[test]
    fn f01_what_means_something_to_nix_is_refused() {
        let why = |text: &str| text.parse::<Attribute>().unwrap_err();
        for empty in ["", ".", "a.", ".a", "a..b", "a.\"\""] {
            assert_eq!(why(empty), InvalidAttribute::EmptyName, "{empty:?}");
        }
        for quote in ["a.\"b", "a\"b\"", "\"a\"b"] {
            assert_eq!(why(quote), InvalidAttribute::Quote, "{quote:?}");
        }
        assert_eq!(why("a b"), InvalidAttribute::Unquoted(' '));
        assert_eq!(why("\"${x}\""), InvalidAttribute::Character('$'));
        assert_eq!(why("\"a\\\""), InvalidAttribute::Character('\\'));
        assert_eq!(why(&["a"; 33].join(".")), InvalidAttribute::TooLong);
    }

    #[test]
    fn f01_hosts_are_looked_for_where_the_template_names_one() {
        let place = |text: &str, kind| text.parse::<Attribute>().unwrap().place_of_host(kind);
        let flake = |text| place(text, NixKind::Flake);
        let home = flake("homeConfigurations.\"ann@{host}\".x").unwrap();
        assert_eq!(home.path, ["homeConfigurations"]);
        assert_eq!(home.host("ann@web-1"), Some("web-1"));
        assert_eq!(home.host("bob@web-1"), None);
        assert_eq!(home.with("ann@web-1"), ["homeConfigurations", "ann@web-1"]);
        assert_eq!(flake("packages.x.site"), None);
        assert_eq!(flake("a.\"{host}-{host}\""), None);
        assert_eq!(flake("{host}.x"), None);
        let file = place("{host}.x", NixKind::Plain).unwrap();
        assert_eq!(file.path, [""; 0]);
    }

    proptest! {
        #[test]
        fn any_text_is_an_attribute_or_refused_and_reads_back(text in "[ -~\\n]{0,40}") {
            if let Ok(attribute) = text.parse::<Attribute>() {
                let again: Attribute = attribute.to_string().parse().unwrap();
                prop_assert_eq!(attribute, again);
            }
        }
    }
}
