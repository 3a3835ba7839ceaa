//! Calls of an agent that may be gone at any moment.

use super::super::common::PATIENCE;
use super::acknowledged::Acknowledged;
use kiln::client::{CONNECT_TIMEOUT, Client};
use kiln::pb;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub(super) enum Ask {
    Suspend,
    Resume,
    Stop,
    Eval,
}

async fn client(socket: &Path) -> Option<Client> {
    Client::connect(socket, CONNECT_TIMEOUT).await.ok()
}

/// One call; what it answers is acknowledged, a refusal included.
pub(super) async fn asked(socket: PathBuf, known: Arc<Mutex<Acknowledged>>, ask: Ask) {
    let Some(client) = client(&socket).await else {
        return;
    };
    let mut builder = client.builder();
    let before = known.lock().unwrap().suspended;
    let answered = match ask {
        Ask::Suspend => {
            known.lock().unwrap().suspended = None;
            let request = pb::SuspendRequest {
                reason: "a test".into(),
                duration: None,
            };
            builder.suspend(request).await.map(|_| Some(true))
        }
        Ask::Resume => {
            known.lock().unwrap().suspended = None;
            builder
                .resume(pb::ResumeRequest {})
                .await
                .map(|_| Some(false))
        }
        Ask::Stop => {
            let request = pb::StopRequest {
                reason: String::new(),
            };
            builder.stop(request).await.map(|_| before)
        }
        Ask::Eval => builder
            .eval(pb::EvalRequest::default())
            .await
            .map(|answer| {
                let generation = answer.into_inner().generation.unwrap();
                known.lock().unwrap().generation(&generation);
                before
            }),
    };
    let mut known = known.lock().unwrap();
    match answered {
        Ok(suspended) => {
            known.suspended = suspended;
            known.answers += 1;
        }
        // Refused: as it was. Cut off: nobody knows.
        Err(status) if status.code() == tonic::Code::FailedPrecondition => known.suspended = before,
        Err(_) => {}
    }
}

/// Follows the events from those known until the agent is gone.
pub(super) async fn listen(socket: PathBuf, known: Arc<Mutex<Acknowledged>>) {
    let Some(client) = client(&socket).await else {
        return;
    };
    let after_seq = known
        .lock()
        .unwrap()
        .events
        .keys()
        .last()
        .copied()
        .unwrap_or(0);
    let request = pb::WatchEventsRequest { after_seq };
    let Ok(events) = client.agent().watch_events(request).await else {
        return;
    };
    let mut events = events.into_inner();
    while let Ok(Some(event)) = events.message().await {
        known.lock().unwrap().event(event);
    }
}

/// The events kept, up to the last one that was seen before.
pub(super) async fn replay(socket: &Path, last: u64) -> Vec<pb::Event> {
    let mut agent = client(socket).await.unwrap().agent();
    let request = pb::WatchEventsRequest { after_seq: 0 };
    let mut stream = agent.watch_events(request).await.unwrap().into_inner();
    let mut events = Vec::<pb::Event>::new();
    while events.last().is_none_or(|event| event.seq < last) {
        // Nothing was seen yet: there may be nothing to wait for.
        let patience = if last == 0 {
            Duration::from_secs(1)
        } else {
            PATIENCE
        };
        match tokio::time::timeout(patience, stream.message()).await {
            Ok(Ok(Some(event))) if event.durable => events.push(event),
            Ok(Ok(Some(_))) => {}
            _ => break,
        }
    }
    events
}

pub(super) async fn history(socket: &Path) -> Vec<pb::Generation> {
    let mut agent = client(socket).await.unwrap().agent();
    let request = pb::ListGenerationsRequest {
        page_size: 1000,
        page_token: String::new(),
    };
    agent
        .list_generations(request)
        .await
        .unwrap()
        .into_inner()
        .generations
}

/// The status once nothing runs, nothing is still to be fetched, and nothing
/// that could run waits: what a kill interrupted is taken up and ended.
pub(super) async fn settled(socket: &Path) -> pb::Status {
    let client = client(socket).await.unwrap();
    let mut agent = client.agent();
    let end = Instant::now() + PATIENCE;
    // Every remote has been asked since the start.
    agent
        .fetch(pb::FetchRequest {
            remotes: Vec::new(),
        })
        .await
        .unwrap();
    loop {
        let status = agent
            .get_status(pb::GetStatusRequest {})
            .await
            .unwrap()
            .into_inner();
        let builder = status.builder.as_ref().unwrap();
        let waits = builder.suspension.is_some() && builder.phase() == pb::Phase::Waiting;
        // A generation is recorded as running a moment before the phase says so.
        let is_running = status.latest.as_ref().is_some_and(is_running);
        if (builder.phase() == pb::Phase::Idle || waits) && !is_running {
            return status;
        }
        assert!(Instant::now() < end, "it does not come to rest: {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_running(generation: &pb::Generation) -> bool {
    let evaluation = generation.evaluation.as_ref().map(pb::Evaluation::status);
    let build = generation.build.as_ref().map(pb::Build::status);
    evaluation == Some(pb::EvaluationStatus::Running) || build == Some(pb::BuildStatus::Running)
}
