//! Where a cache lies, and what is the same for a folder and a server.

use super::calls::Calls;
use super::directory::Directory;
use super::http::Http;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use ureq::tls::RootCerts;

/// A folder, or a server's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Directory(PathBuf),
    /// Without a slash at its end.
    Http(String),
}

/// A text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    #[error(
        "{0:?} is no cache: write an absolute path, file:///path, or http(s)://host/path without `?` and `#`"
    )]
    Unknown(String),
    #[error("the URL of a cache holds a user or a password: keep it out of the URL")]
    Credentials,
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        let unknown = || InvalidLocation::Unknown(text.chars().take(300).collect());
        if let Some(path) = text
            .strip_prefix("file://")
            .or(Some(text))
            .filter(|path| path.starts_with('/'))
        {
            return match path.contains(['\0', '?']) {
                true => Err(unknown()),
                false => Ok(Location::Directory(path.into())),
            };
        }
        let uri: ureq::http::Uri = text.parse().map_err(|_| unknown())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|_| is_http).ok_or_else(unknown)?;
        if authority.as_str().contains('@') {
            return Err(InvalidLocation::Credentials);
        }
        match text.contains(['?', '#']) {
            true => Err(unknown()),
            false => Ok(Location::Http(text.trim_end_matches('/').to_owned())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Directory(path) => path.display().fmt(f),
            Location::Http(url) => f.write_str(url),
        }
    }
}

/// The first character of a folder's path that Nix cannot be told in a `file://` URL.
/// Nix 2.8 decodes no `%20` there, and newer ones do: what is left means the same
/// folder to both.
pub fn beyond_file_url(path: &str) -> Option<char> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(c);
    path.chars().find(|c| !plain(*c))
}

/// A cache that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("cannot {attempted} {what}: {source}")]
    Io {
        attempted: &'static str,
        what: String,
        source: io::Error,
    },
    /// No answer at all: the next question would get none either.
    #[error("cannot reach {what}: {source}")]
    Unreachable { what: String, source: ureq::Error },
    #[error("{what} answered {status}")]
    Status { what: String, status: u16 },
    /// Stores of objects say so of what is not there, to whom they do not list it.
    #[error("{what} answered 403: it is not there, or this host may not read it")]
    Forbidden { what: String },
    #[error("{what} is no file")]
    NoFile { what: String },
    /// Of a folder: what is asked of it hangs.
    #[error("{what} is still not answering: it was asked {seconds} s ago")]
    Hangs { what: String, seconds: u64 },
    #[error("{what} is longer than the {limit} bytes allowed")]
    TooLong { what: String, limit: u64 },
    #[error("{what} is not text")]
    NotText { what: String },
}

/// How a server or a folder is reached.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// Whose certificates are believed.
    pub roots: RootCerts,
    /// The value of the `Authorization` header, for pushing.
    pub authorization: Option<String>,
    /// Without a byte for this long, an answer is given up.
    pub silence: Duration,
    /// Of folders: where one of these clones hangs, none asks.
    pub calls: Calls,
}

impl TransportOptions {
    /// With these authorities and nothing to show.
    pub fn new(roots: RootCerts) -> Self {
        TransportOptions {
            roots,
            authorization: None,
            silence: Duration::from_secs(20),
            calls: Calls::default(),
        }
    }
}

/// The files of a cache, by their names in it.
#[derive(Debug, Clone)]
pub enum Transport {
    Directory(Directory),
    Http(Http),
}

impl Transport {
    /// Access to the cache at `location`; nothing is asked of it yet.
    pub fn new(location: &Location, options: TransportOptions) -> Self {
        match location {
            Location::Directory(path) => Transport::Directory(Directory::new(path, options)),
            Location::Http(url) => Transport::Http(Http::new(url, options)),
        }
    }

    /// The file `name`; `None` when it is not there, or a server forbids to say. All
    /// of its bytes must come within `within`.
    ///
    /// # Errors
    /// When it cannot be said whether it is there.
    pub fn get(
        &self,
        name: &str,
        within: Duration,
    ) -> Result<Option<Box<dyn Read + Send>>, CacheError> {
        self.ask(name, within).or_else(absent_if_forbidden)
    }

    fn ask(
        &self,
        name: &str,
        within: Duration,
    ) -> Result<Option<Box<dyn Read + Send>>, CacheError> {
        match self {
            Transport::Directory(directory) => directory.get(name),
            Transport::Http(http) => http.get(name, within),
        }
    }

    /// A short text; `None` when it is not there, or a server forbids to say.
    ///
    /// # Errors
    /// As [`Transport::get`]; when it is longer than `limit` bytes or no text.
    pub fn text(&self, name: &str, limit: u64) -> Result<Option<String>, CacheError> {
        self.text_if_allowed(name, limit)
            .or_else(absent_if_forbidden)
    }

    /// A short text; `None` when it is not there.
    ///
    /// # Errors
    /// As [`Transport::text`]; [`CacheError::Forbidden`] where that is the answer.
    pub fn text_if_allowed(&self, name: &str, limit: u64) -> Result<Option<String>, CacheError> {
        const WITHIN: Duration = Duration::from_secs(60);
        let Some(content) = self.ask(name, WITHIN)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = content.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|source| CacheError::Io {
            attempted: "read",
            what: self.called(name),
            source,
        })?;
        if bytes.len() as u64 > limit {
            let what = self.called(name);
            return Err(CacheError::TooLong { what, limit });
        }
        let text = String::from_utf8(bytes).map_err(|_| CacheError::NotText {
            what: self.called(name),
        })?;
        Ok(Some(text))
    }

    /// Whether the file is there; not, where a server forbids to say.
    ///
    /// # Errors
    /// When that cannot be said.
    pub fn has(&self, name: &str) -> Result<bool, CacheError> {
        let has = match self {
            Transport::Directory(directory) => directory.has(name),
            Transport::Http(http) => http.has(name),
        };
        has.or_else(absent_if_forbidden)
    }

    /// Puts a file there, whole or not at all; one that is there is replaced.
    ///
    /// # Errors
    /// When the cache does not take it.
    pub fn put(&self, name: &str, content: &mut File) -> Result<(), CacheError> {
        match self {
            Transport::Directory(directory) => directory.put(name, content),
            Transport::Http(http) => http.put(name, content),
        }
    }

    /// Ends what it is doing, from another thread; nothing more is answered.
    pub fn interrupt(&self) {
        match self {
            Transport::Directory(_) => {}
            Transport::Http(http) => http.interrupt(),
        }
    }

    /// A file of it, as messages call it.
    pub fn called(&self, name: &str) -> String {
        match self {
            Transport::Directory(directory) => directory.place(name).display().to_string(),
            Transport::Http(http) => http.url(name),
        }
    }
}

/// `None`, or no: who is not told what is missing takes it for missing.
fn absent_if_forbidden<T: Default>(error: CacheError) -> Result<T, CacheError> {
    match error {
        CacheError::Forbidden { .. } => Ok(T::default()),
        CacheError::Io { .. }
        | CacheError::Unreachable { .. }
        | CacheError::Status { .. }
        | CacheError::NoFile { .. }
        | CacheError::Hangs { .. }
        | CacheError::TooLong { .. }
        | CacheError::NotText { .. } => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_a_path_or_a_plain_url_without_a_password() {
        let read = |text: &str| text.parse::<Location>();
        assert_eq!(read("/a"), Ok(Location::Directory("/a".into())));
        assert_eq!(read("file:///a"), Ok(Location::Directory("/a".into())));
        let http = Location::Http("https://e:8080/a".into());
        assert_eq!(read("https://e:8080/a/"), Ok(http));
        for bad in ["", "a", "ftp://e/", "https://", "https://e/?a=b", "s3://b"] {
            assert!(
                matches!(read(bad), Err(InvalidLocation::Unknown(_))),
                "{bad}"
            );
        }
        let secret = read("https://ann:pass@e/").unwrap_err();
        assert!(!secret.to_string().contains("pass@"), "{secret}");
    }
}
