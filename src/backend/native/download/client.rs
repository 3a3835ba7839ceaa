//! HTTP: one URL and where it is redirected to, into one open file.

use super::address::{Denied, DeniedError, Gate};
use super::child::Said;
use super::netrc::Login;
use crate::model::Failure;
use crate::store::encoding::base64;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::Url;

const REDIRECTS: usize = 10;
/// To one server, TLS included.
const CONNECT: Duration = Duration::from_secs(30);
/// Read at once.
const PIECE: usize = 128 << 10;

/// One URL to be fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Task {
    pub url: String,
    /// The file is there in part.
    pub resume: Option<Resume>,
    /// For the URL's host.
    pub login: Option<Login>,
    pub deny: Vec<Denied>,
    /// Bytes the file may have.
    pub size: u64,
    /// Bytes a second below which nothing is said.
    pub rate: u64,
}

/// Where a download that was cut goes on, if the file is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resume {
    pub at: u64,
    /// `ETag` or `Last-Modified`, as the server gave it.
    pub validator: String,
}

/// A URL as it is told: its query may hold a signature.
pub(in crate::backend::native) fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            url.set_query(None);
            let _ = url.set_password(None); // a URL that cannot have one has none
            let _ = url.set_username("");
            url.into()
        }
        Err(_) => "a URL that cannot be read".into(),
    }
}

/// Fetches the task's URL into `file`; answers with the file's size.
///
/// # Errors
/// Transient where the network or the server is in trouble, certain where the
/// same request fails again.
pub(super) fn download(
    task: &Task,
    roots: RootCerts,
    file: &mut File,
    tell: &mut dyn FnMut(Said),
) -> Result<u64, Failure> {
    let (url, response) = Client::new(task, roots).follow(task, tell)?;
    let mut body = Incoming {
        task,
        shown: shown(url.as_str()),
        file,
        tell,
    };
    body.receive(response)
}

struct Client {
    agent: Agent,
}

impl Client {
    fn new(task: &Task, roots: RootCerts) -> Self {
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .accept_encoding("identity")
            .accept("*/*")
            .user_agent(concat!("kiln/", env!("CARGO_PKG_VERSION")))
            .build();
        let gate = Gate {
            deny: task.deny.clone(),
        };
        Client {
            agent: Agent::with_parts(config, DefaultConnector::default(), gate),
        }
    }

    fn follow(
        &self,
        task: &Task,
        tell: &mut dyn FnMut(Said),
    ) -> Result<(Url, Response<Body>), Failure> {
        let first = parsed(&task.url)?;
        let mut url = first.clone();
        for _ in 0..=REDIRECTS {
            let mut call = self.agent.get(url.as_str());
            if let Some(resume) = &task.resume {
                call = call
                    .header("range", format!("bytes={}-", resume.at))
                    .header("if-range", &resume.validator);
            }
            if let Some(login) = task.login.as_ref().filter(|_| may_know(&url, &first)) {
                let pair = format!("{}:{}", login.user, login.password);
                call = call.header(
                    "authorization",
                    format!("Basic {}", base64(pair.as_bytes())),
                );
            }
            let response = call.call().map_err(|error| unreachable(&url, &error))?;
            if !is_redirect(response.status()) {
                return Ok((url, response));
            }
            url = target(&url, response.headers())?;
            let to = shown(url.as_str());
            tell(Said::Redirected { to });
        }
        Err(Failure::certain(format!(
            "{}: redirected more than {REDIRECTS} times",
            shown(&task.url)
        ))
        .hint("write the URL it ends at"))
    }
}

/// Whether the login for `first` may be shown at `url`: the same origin, and
/// nobody between who could read it.
fn may_know(url: &Url, first: &Url) -> bool {
    let private = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.origin() == first.origin() && (url.scheme() == "https" || private)
}

fn parsed(url: &str) -> Result<Url, Failure> {
    Url::parse(url).map_err(|error| {
        Failure::certain(format!("{}: {error}", shown(url))).hint("correct the url of fetch()")
    })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads: to http and https only, and never from https to http.
fn target(from: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
    let refused = |why: String| {
        Failure::certain(format!("{}: {why}", shown(from.as_str())))
            .hint("write the URL it should lead to")
    };
    let location = headers.get("location").and_then(|to| to.to_str().ok());
    let Some(location) = location else {
        return Err(refused("redirected without saying where to".into()));
    };
    let to = from
        .join(location)
        .map_err(|error| refused(format!("redirected to what is no URL: {error}")))?;
    let told = shown(to.as_str());
    match (from.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => Ok(to),
        (_, "http") => Err(refused(format!(
            "redirected to {told}, from https to http, where anybody may change the answer"
        ))),
        (_, other) => Err(refused(format!(
            "redirected to {told}: {other} is neither https nor http"
        ))),
    }
}

fn unreachable(url: &Url, error: &ureq::Error) -> Failure {
    let shown = shown(url.as_str());
    if let ureq::Error::Io(io) = error
        && let Some(denied) = io
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<DeniedError>())
    {
        return Failure::certain(format!("{shown} is refused: {denied}"))
            .hint("[native] fetch_deny of this host's configuration says where no fetch may go");
    }
    let text = error.to_string();
    let message = format!("{shown} cannot be reached: {text}");
    if text.contains("certificate") || text.contains("UnknownIssuer") {
        return Failure::certain(message)
            .hint("install the authority that signed its certificate on this host, and check this host's clock");
    }
    if matches!(error, ureq::Error::BadUri(_)) {
        return Failure::certain(message).hint("correct the url of fetch()");
    }
    Failure::transient(message).hint("check the network and the server's name; it is tried again")
}

/// The body on its way into the file.
struct Incoming<'t> {
    task: &'t Task,
    shown: String,
    file: &'t mut File,
    tell: &'t mut dyn FnMut(Said),
}

impl Incoming<'_> {
    fn receive(&mut self, response: Response<Body>) -> Result<u64, Failure> {
        let at = self.begin(&response)?;
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let length = header("content-length").and_then(|length| length.parse::<u64>().ok());
        let total = length.map(|length| at.saturating_add(length));
        let validator = header("etag")
            .filter(|tag| !tag.starts_with("W/"))
            .or(header("last-modified"))
            .map(str::to_owned);
        (self.tell)(Said::Began {
            at,
            total,
            validator,
        });
        if total.is_some_and(|total| total > self.task.size) {
            return Err(self.too_large());
        }
        let received = self.copy(&mut response.into_body().into_reader(), at)?;
        match total {
            Some(total) if total != received => Err(self.cut(received, Some(total), "it ended")),
            _ => Ok(received),
        }
    }

    /// The byte the body begins at; the file is cut to it.
    fn begin(&mut self, response: &Response<Body>) -> Result<u64, Failure> {
        let resumed = self.task.resume.as_ref().map(|resume| resume.at);
        let at = match (response.status().as_u16(), resumed) {
            (200, _) => 0,
            (206, Some(at)) if begins_at(response.headers(), at) => at,
            (206 | 416, Some(_)) => {
                self.cut_file(0)?;
                return Err(Failure::transient(format!(
                    "{}: the server does not go on where it was asked to",
                    self.shown
                ))
                .hint("it is fetched as a whole again"));
            }
            _ => return Err(refused(&self.shown, response.status())),
        };
        self.cut_file(at)?;
        Ok(at)
    }

    fn cut_file(&mut self, at: u64) -> Result<(), Failure> {
        let cut = self.file.set_len(at);
        let cut = cut.and_then(|()| self.file.seek(SeekFrom::Start(at)));
        cut.map(drop).map_err(|error| disk(&error))
    }

    fn copy(&mut self, body: &mut dyn Read, at: u64) -> Result<u64, Failure> {
        let mut piece = vec![0; PIECE];
        let mut received = at;
        let mut mark = (Instant::now(), at);
        loop {
            let read = match body.read(&mut piece) {
                Ok(0) => return Ok(received),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cut(received, None, &error.to_string())),
            };
            received += read as u64;
            if received > self.task.size {
                return Err(self.too_large());
            }
            self.file
                .write_all(&piece[..read])
                .map_err(|error| disk(&error))?;
            let elapsed = mark.0.elapsed();
            let enough = elapsed.as_secs().saturating_mul(self.task.rate);
            if elapsed >= Duration::from_secs(1) && received - mark.1 >= enough {
                (self.tell)(Said::Progress { bytes: received });
                mark = (Instant::now(), received);
            }
        }
    }

    fn cut(&self, received: u64, total: Option<u64>, why: &str) -> Failure {
        let of = total
            .map(|total| format!(" of {total}"))
            .unwrap_or_default();
        Failure::transient(format!(
            "{}: cut after {received}{of} bytes: {why}",
            self.shown
        ))
        .hint("check the network and the server; it is tried again")
    }

    fn too_large(&self) -> Failure {
        Failure::certain(format!(
            "{}: larger than the {} bytes allowed",
            self.shown, self.task.size
        ))
        .hint("raise [limits] output_size, or fetch something smaller")
    }
}

/// `bytes 100-199/200`, with `*` for an unknown size.
fn begins_at(headers: &HeaderMap, at: u64) -> bool {
    let range = headers
        .get("content-range")
        .and_then(|range| range.to_str().ok());
    let first = range
        .and_then(|range| range.strip_prefix("bytes "))
        .and_then(|range| range.split('-').next());
    first.is_some_and(|first| first.trim().parse() == Ok(at))
}

fn disk(error: &std::io::Error) -> Failure {
    Failure::transient(format!("cannot write what is fetched: {error}"))
        .hint("check the space and the file system of the store")
}

fn refused(shown: &str, status: StatusCode) -> Failure {
    let message = format!("{shown} answered {status}");
    match status.as_u16() {
        401 | 403 => Failure::certain(message).hint(
            "the server wants a login: put one for its host into the file [native] netrc_file names",
        ),
        408 | 425 | 429 => Failure::transient(message).hint("it is tried again, more slowly"),
        500..=599 => {
            Failure::transient(message).hint("the server is in trouble; it is tried again")
        }
        _ => Failure::certain(message).hint("correct the url of fetch(), or add a mirror"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn n11_a_login_is_shown_to_its_origin_only_and_never_in_the_clear() {
        let home = url("https://h.example/a");
        assert!(may_know(&url("https://H.example:443/b"), &home));
        for other in [
            "https://h.example:444/a",
            "http://h.example/a",
            "https://sub.h.example/a",
            "https://127.0.0.1/a",
        ] {
            assert!(!may_know(&url(other), &home), "{other}");
        }
        let clear = url("http://h.example/a");
        assert!(!may_know(&clear, &clear));
        let here = url("http://127.0.0.1:8080/a");
        assert!(may_know(&here, &here));
    }

    #[test]
    fn n11_redirects_lead_to_https_and_http_and_not_from_https_to_http() {
        let to = |from: &str, location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("location", location.parse().unwrap());
            target(&url(from), &headers).map(String::from)
        };
        assert_eq!(to("https://h/a/b", "c?d").unwrap(), "https://h/a/c?d");
        assert_eq!(to("https://h/a/b", "//m/c").unwrap(), "https://m/c");
        assert_eq!(to("http://h/a", "http://m/").unwrap(), "http://m/");
        for bad in [
            "file:///etc/passwd",
            "http://m/",
            "ftp://m/",
            "javascript:x",
        ] {
            assert!(to("https://h/a", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_told_of_a_url_holds_no_secret() {
        let told = shown("https://user:pass@h/a?signature=s3cret");
        assert_eq!(told, "https://h/a");
    }
}
