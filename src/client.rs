//! A typed client over the agent's Unix socket.
//!
//! Connecting proves that an agent answers, so that a socket that is missing,
//! stale, hung or closed to the caller is told apart before anything is asked.

use crate::pb::agent_client::AgentClient;
use crate::pb::builder_client::BuilderClient;
use hyper_util::rt::TokioIo;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// How long an agent may take to say that it is there.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// No agent can be reached there.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No such file.
    #[error("no agent runs here: there is no socket {0:?}")]
    Missing(PathBuf),
    /// A file, and nobody listens.
    #[error("no agent listens on {0:?}: it was left behind by one that ended")]
    Stale(PathBuf),
    /// Somebody listens and says nothing.
    #[error("the agent on {socket:?} did not answer within {} s", .waited.as_secs_f32())]
    Hung { socket: PathBuf, waited: Duration },
    /// The caller may not open it.
    #[error("you may not use the socket {0:?}")]
    Forbidden(PathBuf),
    /// Something answers, but not as an agent does.
    #[error("what listens on {socket:?} is no kiln agent")]
    NoAgent {
        socket: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Any other failure of the system.
    #[error("connecting to {socket:?} failed")]
    Io { socket: PathBuf, source: io::Error },
}

impl ConnectError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ConnectError::Missing(_) => {
                "start one (kiln agent, or systemctl start kiln), name its socket with --socket, or work without one: kiln dev --once"
            }
            ConnectError::Stale(_) => {
                "start the agent again (kiln agent, or systemctl start kiln): it replaces the socket"
            }
            ConnectError::Hung { .. } => {
                "look at its log (journalctl -u kiln) and at what it waits for; if it stays so, restart it: finished work is kept"
            }
            ConnectError::Forbidden(_) => {
                "run it with sudo, or ask to be added to the group the socket belongs to (ls -l)"
            }
            ConnectError::NoAgent { .. } => "check --socket and KILN_SOCKET",
            ConnectError::Io { .. } => "check --socket and KILN_SOCKET, and whether the agent runs",
        }
    }
}

/// Bytes of one answer: a graph may be large.
const ANSWER_MAX: usize = 64 << 20;

/// A connection to one agent; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    socket: PathBuf,
}

impl Client {
    /// Connects and makes sure that an agent answers, within `timeout`.
    ///
    /// # Errors
    /// Says which way it cannot be reached.
    pub async fn connect(socket: &Path, timeout: Duration) -> Result<Self, ConnectError> {
        let hung = |_| ConnectError::Hung {
            socket: socket.to_owned(),
            waited: timeout,
        };
        tokio::time::timeout(timeout, Self::greet(socket))
            .await
            .map_err(hung)?
    }

    async fn greet(socket: &Path) -> Result<Self, ConnectError> {
        // A probe first, for the system's own words: the transport hides them.
        drop(
            UnixStream::connect(socket)
                .await
                .map_err(|error| classify(socket, error))?,
        );
        let no_agent = |source: Box<dyn std::error::Error + Send + Sync>| ConnectError::NoAgent {
            socket: socket.to_owned(),
            source,
        };
        let path = socket.to_owned();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        // The address is never looked up: the connector knows the socket.
        let channel = Endpoint::from_static("http://kiln.invalid")
            .connect_with_connector(connector)
            .await
            .map_err(|error| no_agent(error.into()))?;
        let request = HealthCheckRequest {
            service: "kiln.v1.Agent".into(),
        };
        let answer = HealthClient::new(channel.clone()).check(request).await;
        answer.map_err(|status| no_agent(status.into()))?;
        Ok(Client {
            channel,
            socket: socket.to_owned(),
        })
    }

    /// The Agent service.
    pub fn agent(&self) -> AgentClient<Channel> {
        AgentClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    /// The Builder service.
    pub fn builder(&self) -> BuilderClient<Channel> {
        BuilderClient::new(self.channel.clone())
    }

    /// The connection itself, for services without a method here.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Where it is connected.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

fn classify(socket: &Path, error: io::Error) -> ConnectError {
    let socket = socket.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ConnectError::Missing(socket),
        io::ErrorKind::ConnectionRefused => ConnectError::Stale(socket),
        io::ErrorKind::PermissionDenied => ConnectError::Forbidden(socket),
        // Its queue of callers is full: it no longer takes any.
        io::ErrorKind::WouldBlock => ConnectError::Hung {
            socket,
            waited: Duration::ZERO,
        },
        _ => ConnectError::Io {
            socket,
            source: error,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    async fn error_of(socket: &Path) -> ConnectError {
        Client::connect(socket, Duration::from_millis(200))
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn c01_missing_stale_and_hung_sockets_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiln.sock");
        assert!(matches!(error_of(&path).await, ConnectError::Missing(_)));
        let listener = UnixListener::bind(&path).unwrap();
        assert!(matches!(error_of(&path).await, ConnectError::Hung { .. }));
        drop(listener);
        assert!(matches!(error_of(&path).await, ConnectError::Stale(_)));
    }

    #[tokio::test]
    async fn c01_a_full_queue_of_callers_is_a_hung_agent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiln.sock");
        let listener = UnixListener::bind(&path).unwrap();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert!(matches!(error_of(&path).await, ConnectError::Hung { .. }));
    }

    #[tokio::test]
    async fn c01_something_else_that_listens_is_no_agent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiln.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let impostor = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ =
                    tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail ready\r\n").await;
            }
        };
        let caller = Client::connect(&path, Duration::from_secs(5));
        tokio::select! {
            answer = caller => assert!(matches!(answer, Err(ConnectError::NoAgent { .. })), "{answer:?}"),
            () = impostor => unreachable!(),
        }
    }
}
