//! gRPC over a Unix socket: Builder, Agent, Store, health and reflection.
//!
//! In: handles and readers of everything else ([`Parts`]). Out: the wire
//! contract of `proto/`. It holds no state of its own: a status is derived from
//! the records at each call ([`status`]), a stream from the log it reads. It may
//! not know how evaluation, building or selection work.

mod access;
mod agent_service;
mod builder_service;
mod change;
pub(crate) mod convert;
mod event_stream;
mod inspect;
mod listener;
mod log_folder;
mod log_reader;
pub mod offline;
mod peer;
mod refusal;
mod reset;
mod status;
mod store_service;

pub use access::Access;
pub use agent_service::{HOOKS_FOLDER, LAST_SEQ};
pub use listener::{BindError, Listener, bind, is_listening};
pub use refusal::HINT;

use crate::audit::AuditLog;
use crate::backend::Backend;
use crate::events::EventLog;
use crate::model::{HostName, RemoteName};
use crate::pb;
use crate::{builder, source, state};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long open streams and calls may take to end after cancellation.
const DRAIN: Duration = Duration::from_secs(5);

/// A generation as `--json` prints it, for whoever is told about one.
pub fn generation_json(generation: &crate::model::Generation) -> String {
    // It has a JSON form: every number in it is of an enum kiln knows.
    serde_json::to_string(&convert::generation(generation)).unwrap_or_default()
}

/// What a reload of the configuration changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Remotes polled by the clock; those not named are asked on request only.
    pub poll_intervals: BTreeMap<RemoteName, Duration>,
    /// What status must say of the configuration.
    pub warnings: Vec<String>,
}

/// What the server answers from.
pub struct Parts {
    /// The host this agent builds for.
    pub host: HostName,
    pub builder: builder::Handle,
    pub source: source::Handle,
    pub state: state::Reader,
    pub events: EventLog,
    /// What knows the generations' graphs.
    pub backend: Arc<dyn Backend>,
    /// One graph is looked at at a time.
    pub inspections: Semaphore,
    /// What a reload of the configuration changes.
    pub settings: watch::Receiver<Settings>,
    /// What status must say of the host.
    pub warnings: watch::Receiver<Vec<String>>,
    /// Since when this agent runs: nothing is stale before it could be fresh.
    pub started_at: OffsetDateTime,
    /// The object store and what keeps objects in it.
    pub objects: crate::store::Objects,
    /// Bytes of one object that is imported, at most.
    pub import_limit: u64,
    /// Who may read and change things.
    pub access: Access,
    /// Where every change and every refusal is recorded.
    pub audit: Arc<AuditLog>,
    /// The changes under way; they outlive their callers, not the server.
    pub changes: TaskTracker,
}

/// The server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The transport failed.
    #[error("serving gRPC on the socket failed")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors checked in are not what reflection can serve.
    #[error("serving gRPC reflection failed")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until `cancel` fires, then ends streams, lets calls finish for a few
/// seconds and removes the socket.
///
/// # Errors
/// When the transport fails.
pub async fn serve(
    parts: Parts,
    listener: Listener,
    cancel: CancellationToken,
) -> Result<(), ServerError> {
    let changes = parts.changes.clone();
    let parts = Arc::new(parts);
    let builder = builder_service::Service(parts.clone());
    let store = store_service::Service::new(parts.clone(), cancel.clone());
    let agent = agent_service::Service {
        parts,
        turnstile: event_stream::turnstile(),
        cancel: cancel.clone(),
    };
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_serving::<pb::builder_server::BuilderServer<builder_service::Service>>()
        .await;
    reporter
        .set_serving::<pb::agent_server::AgentServer<agent_service::Service>>()
        .await;
    let router = tonic::transport::Server::builder()
        .add_service(health)
        .add_service(reflection)
        .add_service(pb::builder_server::BuilderServer::new(builder))
        .add_service(pb::agent_server::AgentServer::new(agent))
        .add_service(pb::store_server::StoreServer::new(store));
    let ended = run(router, listener, cancel).await;
    changes.close();
    if tokio::time::timeout(DRAIN, changes.wait()).await.is_err() {
        tracing::warn!("a change that was asked for does not end; it is left behind");
    }
    ended
}

async fn run(
    router: tonic::transport::server::Router,
    listener: Listener,
    cancel: CancellationToken,
) -> Result<(), ServerError> {
    let stopped = cancel.clone().cancelled_owned();
    tokio::select! {
        ended = router.serve_with_incoming_shutdown(listener.incoming(cancel.clone()), stopped) => ended?,
        () = drained(&cancel) => tracing::warn!("clients did not let go of their connections; closing them"),
    }
    Ok(())
}

async fn drained(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}

#[cfg(test)]
mod tests;
