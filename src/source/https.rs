//! Git's smart HTTP protocol for libgit2, over rustls: one GET that lists the
//! refs, one POST per round of negotiation. Credentials go to the configured
//! host only, whatever a server answers.

use super::config::Auth;
use super::credentials::{base64, read_token};
use super::fetch::FetchRequest;
use super::fetch_child::Problem;
use super::location::display_url;
use crate::model::Failure;
use crate::tls::authorities;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body, Proxy};

/// Followed for the first request only, as Git does.
const REDIRECTS: usize = 10;
/// What one round of negotiation may send.
const ROUND_LIMIT: usize = 64 << 20;

/// Makes `https://` known to libgit2 in this process.
///
/// # Errors
/// When libgit2 refuses.
pub(super) fn register(request: &FetchRequest, problem: &Problem) -> Result<(), git2::Error> {
    let (request, problem) = (request.clone(), problem.clone());
    let factory = move |remote: &git2::Remote<'_>| {
        let client =
            Client::new(&request, &problem).map_err(|failure| reported(&problem, failure))?;
        Transport::smart(
            remote,
            true,
            Subtransport {
                client: Arc::new(client),
            },
        )
    };
    // SAFETY: called before any transport of this process is made, by its only
    // thread that uses libgit2.
    unsafe { git2::transport::register("https", factory) }
}

/// libgit2 carries a line of text only: the failure goes beside it.
fn reported(problem: &Problem, failure: Failure) -> git2::Error {
    let error = git2::Error::from_str(&failure.message.replace('\0', " "));
    problem.report(failure);
    error
}

struct Client {
    agent: Agent,
    /// As configured: the only place credentials are sent to.
    home: Uri,
    /// Where the first request ended up.
    base: Mutex<String>,
    auth: Option<Auth>,
    problem: Problem,
}

impl Client {
    fn new(request: &FetchRequest, problem: &Problem) -> Result<Self, Failure> {
        let bad_url = |why: &dyn std::fmt::Display| {
            Failure::certain(format!("{}: {why}", display_url(&request.url)))
                .hint("correct the remote's url")
        };
        let home: Uri = request.url.parse().map_err(|error| bad_url(&error))?;
        if home
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(bad_url(
                &"a user or password in a URL is not used; write auth = { .. }",
            ));
        }
        let proxy = request
            .proxy
            .as_deref()
            .filter(|proxy| !proxy.is_empty())
            .map(Proxy::new);
        let proxy = proxy.transpose().map_err(|error| {
            Failure::certain(format!(
                "the proxy of {} is not usable: {error}",
                request.remote
            ))
            .hint("write proxy = \"http://host:port\"")
        })?;
        let agent = Agent::config_builder()
            .tls_config(
                TlsConfig::builder()
                    .root_certs(authorities(request.ca_file.as_deref())?)
                    .build(),
            )
            .proxy(proxy)
            .https_only(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .no_delay(true)
            .user_agent(concat!("git/kiln-", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Client {
            agent,
            base: Mutex::new(request.url.trim_end_matches('/').to_owned()),
            home,
            auth: request.auth.clone(),
            problem: problem.clone(),
        })
    }

    fn base(&self) -> std::sync::MutexGuard<'_, String> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list of refs; where it was found is where the rest is asked for.
    fn list(&self) -> Result<Response<Body>, Failure> {
        const LIST: &str = "/info/refs?service=git-upload-pack";
        let mut url = format!("{}{LIST}", self.base());
        for _ in 0..=REDIRECTS {
            let mut call = self.agent.get(&url).header("accept", "*/*");
            if let Some(value) = self.authorization(&url)? {
                call = call.header("authorization", value);
            }
            let response = call.call().map_err(|error| network_failure(&url, &error))?;
            if !response.status().is_redirection() {
                let response = checked(
                    &url,
                    response,
                    "application/x-git-upload-pack-advertisement",
                )?;
                if let Some(base) = url.strip_suffix(LIST) {
                    base.clone_into(&mut self.base());
                }
                return Ok(response);
            }
            url = redirected(&url, &response)?;
        }
        Err(Failure::certain(format!(
            "{} is redirected more than {REDIRECTS} times",
            display_url(&url)
        ))
        .hint("configure the URL it ends at"))
    }

    fn negotiate(&self, body: &[u8]) -> Result<Response<Body>, Failure> {
        let url = format!("{}/git-upload-pack", self.base());
        let mut call = self
            .agent
            .post(&url)
            .header("accept", "application/x-git-upload-pack-result")
            .content_type("application/x-git-upload-pack-request");
        if let Some(value) = self.authorization(&url)? {
            call = call.header("authorization", value);
        }
        let response = call
            .send(body)
            .map_err(|error| network_failure(&url, &error))?;
        checked(&url, response, "application/x-git-upload-pack-result")
    }

    /// Credentials, for the configured host and port only.
    fn authorization(&self, url: &str) -> Result<Option<String>, Failure> {
        let at_home = url
            .parse::<Uri>()
            .is_ok_and(|url| same_origin(&url, &self.home));
        let Some(auth) = self.auth.as_ref().filter(|_| at_home) else {
            return Ok(None);
        };
        let token = read_token(&auth.token_file)?;
        Ok(Some(format!(
            "Basic {}",
            base64(format!("{}:{token}", auth.username).as_bytes())
        )))
    }
}

fn same_origin(a: &Uri, b: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    let port = |uri: &Uri| uri.port_u16().unwrap_or(443);
    a.scheme_str() == b.scheme_str() && host(a) == host(b) && port(a) == port(b)
}

/// Where a redirect leads; https only.
fn redirected(from: &str, response: &Response<Body>) -> Result<String, Failure> {
    let shown = display_url(from);
    let to = response
        .headers()
        .get("location")
        .and_then(|to| to.to_str().ok());
    let to = match to {
        Some(path) if path.starts_with('/') && !path.starts_with("//") => {
            let origin = from
                .find("://")
                .and_then(|at| from[at + 3..].find('/').map(|end| &from[..at + 3 + end]));
            format!("{}{path}", origin.unwrap_or(from))
        }
        Some(to) => to.to_owned(),
        None => String::new(),
    };
    match to.starts_with("https://") {
        true => Ok(to),
        false => Err(Failure::certain(format!(
            "{shown} is redirected to {:?}, which is not https",
            display_url(&to)
        ))
        .hint("configure the https URL of the repository")),
    }
}

/// The response of a Git server, or what to do about another one.
fn checked(url: &str, response: Response<Body>, kind: &str) -> Result<Response<Body>, Failure> {
    let (shown, status) = (display_url(url), response.status());
    let message = format!("{shown} answered {status}");
    let failure = match status {
        StatusCode::OK => {
            let found = response.headers().get("content-type").and_then(|found| found.to_str().ok());
            let found = found.unwrap_or_default().split(';').next().unwrap_or_default();
            if found == kind {
                return Ok(response);
            }
            Failure::certain(format!("{shown} is not a Git server: it answered with {found:?}"))
                .hint("check the remote's url; a login page in its place means that auth is missing")
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::certain(message)
            .hint("check auth of the remote: the username, and a token in token_file that may read the repository"),
        StatusCode::NOT_FOUND => Failure::certain(message)
            .hint("check the remote's url; a private repository answers this way too: set auth"),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Failure::transient(message).hint("it is tried again, more slowly")
        }
        status if status.is_server_error() => Failure::transient(message).hint("the server is in trouble; it is tried again"),
        _ => Failure::certain(message).hint("check the remote's url"),
    };
    Err(failure)
}

fn network_failure(url: &str, error: &ureq::Error) -> Failure {
    let text = error.to_string();
    let message = format!("cannot reach {}: {text}", display_url(url));
    if text.contains("certificate") || text.contains("UnknownIssuer") {
        return Failure::certain(message)
            .hint("set ca_file of the remote to the authority that signed its certificate, and check this host's clock");
    }
    Failure::transient(message)
        .hint("check the network, the server's name and the proxy; it is tried again")
}

struct Subtransport {
    client: Arc<Client>,
}

impl SmartSubtransport for Subtransport {
    fn action(
        &self,
        _url: &str,
        service: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let client = &self.client;
        match service {
            Service::UploadPackLs => {
                let response = client
                    .list()
                    .map_err(|failure| reported(&client.problem, failure))?;
                Ok(Box::new(Exchange::listing(client, response)))
            }
            Service::UploadPack => Ok(Box::new(Exchange::round(client))),
            _ => Err(git2::Error::from_str("kiln never pushes")),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One request and its response: written first, sent at the first read.
struct Exchange {
    client: Arc<Client>,
    request: Vec<u8>,
    response: Option<ureq::BodyReader<'static>>,
}

impl Exchange {
    fn listing(client: &Arc<Client>, response: Response<Body>) -> Self {
        let response = Some(response.into_body().into_reader());
        Exchange {
            client: client.clone(),
            request: Vec::new(),
            response,
        }
    }

    fn round(client: &Arc<Client>) -> Self {
        Exchange {
            client: client.clone(),
            request: Vec::new(),
            response: None,
        }
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let response = match &mut self.response {
            Some(response) => response,
            none => {
                let response = self
                    .client
                    .negotiate(&self.request)
                    .map_err(|failure| io::Error::other(reported(&self.client.problem, failure)))?;
                none.insert(response.into_body().into_reader())
            }
        };
        response.read(buffer)
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.request.len() + bytes.len() > ROUND_LIMIT {
            return Err(io::Error::other(
                "the negotiation with the server does not end",
            ));
        }
        self.request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_belong_to_one_origin() {
        let home: Uri = "https://Git.example.org/x".parse().unwrap();
        let same = |url: &str| same_origin(&url.parse().unwrap(), &home);
        assert!(same("https://git.example.org:443/y"));
        assert!(!same("https://git.example.org:444/x"));
        assert!(!same("http://git.example.org/x"));
        assert!(!same("https://example.org/x"));
    }
}
