//! The transport, from the client's end: real sockets, real credentials.

use super::peer::Peer;
use super::*;
use crate::client::Client;
use std::path::PathBuf;
use std::sync::Mutex;
use tonic::service::interceptor::InterceptedService;

struct World {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    cancel: CancellationToken,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("kiln.sock");
    World {
        _folder: folder,
        socket,
        cancel: CancellationToken::new(),
    }
}

/// Health, which notes who called: all that needs no agent.
async fn router(seen: Arc<Mutex<Vec<Option<Peer>>>>) -> tonic::transport::server::Router {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_serving::<pb::agent_server::AgentServer<agent_service::Service>>()
        .await;
    let note = move |request: tonic::Request<()>| {
        let peer = request
            .extensions()
            .get::<Option<Peer>>()
            .cloned()
            .flatten();
        seen.lock().unwrap().push(peer);
        Ok(request)
    };
    tonic::transport::Server::builder().add_service(InterceptedService::new(health, note))
}

#[tokio::test]
async fn c02_every_call_comes_with_the_credentials_of_its_caller() {
    let world = world();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = bind(&world.socket, 0o600, None).unwrap();
    let caller = async {
        let client = Client::connect(&world.socket, Duration::from_secs(5)).await;
        world.cancel.cancel();
        client
    };
    let (served, client) = tokio::join!(
        run(router(seen.clone()).await, listener, world.cancel.clone()),
        caller
    );
    served.unwrap();
    drop(client.unwrap());
    let peer = seen.lock().unwrap().pop().unwrap().unwrap();
    assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
    assert!(!world.socket.exists(), "the socket goes with the server");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_its_connection_does_not_keep_the_agent_from_ending() {
    let world = world();
    let listener = bind(&world.socket, 0o600, None).unwrap();
    let router = router(Arc::default()).await;
    let ended = run(router, listener, world.cancel.clone());
    let clients = async {
        // Connected, and silent for ever.
        let silent = tokio::net::UnixStream::connect(&world.socket).await;
        // Who comes after it is answered: that one was let in before.
        let kept = Client::connect(&world.socket, Duration::from_secs(5)).await;
        let asked = tokio::time::Instant::now();
        world.cancel.cancel();
        (silent.unwrap(), kept.unwrap(), asked)
    };
    let (ended, (silent, kept, asked)) = tokio::join!(ended, clients);
    ended.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO, "it waited for a client");
    drop((silent, kept));
    assert!(!world.socket.exists());
}
