//! Many watchers and callers during a build: nobody misses an event, and a
//! status is answered all the while. The full size is run by hand:
//! `cargo test --release --test load -- --ignored --nocapture`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::*;
use kiln::client::Client;
use kiln::pb;
use kiln::pb::event::Event as Kind;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A build of `steps` steps, each of which is two events.
fn large_commit(repository: &Repository, steps: usize) {
    repository.commit(&format!(
        "steps = [derivation(name = \"step-\" + str(n), script = \"echo \" + str(n) + \" > $out\") for n in range({steps})]\n\
         host(\"web-1\", tree(\"web-1\", {{\"etc/\" + str(n): symlink(step) for n, step in enumerate(steps)}}))\n"
    ));
}

async fn connect(socket: &Path) -> Client {
    Client::connect(socket, PATIENCE).await.unwrap()
}

/// Every event until the build of the second generation ended; says when the
/// first has come.
async fn watch(socket: std::path::PathBuf, connected: mpsc::Sender<()>) -> Vec<u64> {
    let client = connect(&socket).await;
    let request = pb::WatchEventsRequest { after_seq: 0 };
    let mut events = client
        .agent()
        .watch_events(request)
        .await
        .unwrap()
        .into_inner();
    let mut seen = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        if seen.is_empty() {
            connected.send(()).await.unwrap();
        }
        seen.push(event.seq);
        let kind = event.event.unwrap();
        assert!(
            !matches!(kind, Kind::Snapshot(_)),
            "an event was missed before {}",
            event.seq
        );
        if let Kind::BuildFinished(end) = kind
            && end.generation.unwrap().number == 2
        {
            return seen;
        }
    }
    panic!("the stream ended after {seen:?}");
}

/// The callers, on a thread of their own as if they were other programs: they do
/// not stand in line behind what the watchers decode.
fn callers(
    socket: std::path::PathBuf,
    count: u32,
    end: CancellationToken,
) -> std::thread::JoinHandle<Vec<Duration>> {
    let work = async move {
        let mut calling = JoinSet::new();
        for caller in 0..count {
            let offset = Duration::from_secs(1) * caller / count;
            calling.spawn(call(socket.clone(), offset, end.clone()));
        }
        calling.join_all().await.into_iter().flatten().collect()
    };
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(work)
    })
}

/// One caller: a status a second, until the end; how long each took.
async fn call(
    socket: std::path::PathBuf,
    offset: Duration,
    end: CancellationToken,
) -> Vec<Duration> {
    let client = connect(&socket).await;
    let mut took = Vec::new();
    let mut clock =
        tokio::time::interval_at(tokio::time::Instant::now() + offset, Duration::from_secs(1));
    loop {
        tokio::select! {
            () = end.cancelled() => return took,
            _ = clock.tick() => {}
        }
        let asked = Instant::now();
        client
            .agent()
            .get_status(pb::GetStatusRequest {})
            .await
            .unwrap();
        took.push(asked.elapsed());
    }
}

/// Everybody watches one build from its first event to its last, while others ask.
async fn crowd(watchers: usize, callers: u32, steps: usize) {
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit("host(\"web-1\", file(\"x\", \"\"))\n");
    let url = repository.path.to_str().unwrap();
    let remote =
        format!("[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"0s\"\n");
    let agent = Agent::start(&home, &remote);
    agent.built(1);
    let end = CancellationToken::new();
    let mut watching = JoinSet::new();
    let (connected, mut connections) = mpsc::channel(watchers);
    for _ in 0..watchers {
        watching.spawn(watch(agent.socket.clone(), connected.clone()));
    }
    for _ in 0..watchers {
        connections.recv().await.unwrap();
    }
    let calling = self::callers(agent.socket.clone(), callers, end.clone());
    large_commit(&repository, steps);
    agent.kiln(&["fetch"]).ok();
    let seen = tokio::time::timeout(10 * PATIENCE, watching.join_all())
        .await
        .unwrap();
    end.cancel();
    let mut took = calling.join().unwrap();
    took.sort_unstable();
    let all: Vec<u64> = (1..=*seen[0].last().unwrap()).collect();
    assert!(all.len() > 2 * steps, "{}", all.len());
    for (watcher, seen) in seen.iter().enumerate() {
        assert_eq!(*seen, all, "watcher {watcher}");
    }
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    let (half, most) = (at(50), at(99));
    let said = format!(
        "{watchers} watchers of {} events each, {callers} calls a second: {} statuses, half within {half:?}, 99 % within {most:?}",
        all.len(),
        took.len(),
    );
    let _ = writeln!(std::io::stderr(), "{said}"); // past the capture of the test's output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c04_no_watcher_of_a_hundred_misses_an_event_of_a_build() {
    crowd(100, 50, 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the full size; its result is in docs/load.md"]
async fn c04_no_watcher_of_a_thousand_misses_an_event_of_a_build() {
    crowd(1000, 100, 150).await;
}
