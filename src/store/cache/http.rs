//! A cache behind a web server: GET, HEAD and PUT of its files, nothing else.

use super::location::{CacheError, TransportOptions};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::time::Duration;
use ureq::http::{Response, StatusCode};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

const CONNECT: Duration = Duration::from_secs(10);
/// A store of objects may answer from elsewhere.
const REDIRECTS: u32 = 5;
/// Idle connections kept: as many as are used at once.
const CONNECTIONS: usize = 16;

/// A server and a path on it.
#[derive(Clone)]
pub struct Http {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

impl Http {
    pub(super) fn new(url: &str, options: TransportOptions) -> Self {
        let tls = TlsConfig::builder().root_certs(options.roots).build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            // From https never to http.
            .https_only(url.starts_with("https://"))
            .max_redirects(REDIRECTS)
            .http_status_as_error(false)
            .no_delay(true)
            .max_idle_connections_per_host(CONNECTIONS)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(options.silence))
            .timeout_per_read(Some(options.silence))
            .timeout_per_write(Some(options.silence))
            .user_agent(concat!("kiln/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Http {
            agent,
            base: url.to_owned(),
            authorization: options.authorization,
        }
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    pub(super) fn get(
        &self,
        name: &str,
        within: Duration,
    ) -> Result<Option<Box<dyn Read + Send>>, CacheError> {
        let mut call = self.agent.get(self.url(name));
        if let Some(value) = &self.authorization {
            call = call.header("authorization", value);
        }
        let call = call.config().timeout_recv_body(Some(within)).build();
        let answer = call.call().map_err(|error| self.unreachable(name, error))?;
        match self.is_there(name, &answer)? {
            true => Ok(Some(Box::new(answer.into_body().into_reader()))),
            false => Ok(None),
        }
    }

    pub(super) fn has(&self, name: &str) -> Result<bool, CacheError> {
        let mut call = self.agent.head(self.url(name));
        if let Some(value) = &self.authorization {
            call = call.header("authorization", value);
        }
        let answer = call.call().map_err(|error| self.unreachable(name, error))?;
        self.is_there(name, &answer)
    }

    pub(super) fn put(&self, name: &str, content: &mut File) -> Result<(), CacheError> {
        content.rewind().map_err(|source| CacheError::Io {
            attempted: "read what is sent to",
            what: self.url(name),
            source,
        })?;
        let mut call = self.agent.put(self.url(name));
        if let Some(value) = &self.authorization {
            call = call.header("authorization", value);
        }
        let call = call.content_type("application/octet-stream");
        let answer = call.send(&*content);
        let answer = answer.map_err(|error| self.unreachable(name, error))?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(self.status(name, answer.status())),
        }
    }

    pub(super) fn interrupt(&self) {
        self.agent.clone().shutdown();
    }

    fn is_there(&self, name: &str, answer: &Response<Body>) -> Result<bool, CacheError> {
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(false),
            StatusCode::FORBIDDEN => Err(CacheError::Forbidden {
                what: self.url(name),
            }),
            status => Err(self.status(name, status)),
        }
    }

    fn status(&self, name: &str, status: StatusCode) -> CacheError {
        CacheError::Status {
            what: self.url(name),
            status: status.as_u16(),
        }
    }

    fn unreachable(&self, name: &str, source: ureq::Error) -> CacheError {
        CacheError::Unreachable {
            what: self.url(name),
            source,
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({})", self.base)
    }
}
