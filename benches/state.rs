//! What the state costs: `cargo bench --bench state`. A plain program that
//! prints medians and ratios; docs/benchmarks.md has the figures and their limits.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark drives programs and prints"
)]

#[path = "../tests/common/records.rs"]
mod records;

use kiln::model::{Generation, GenerationNumber};
use kiln::state::{Places, State, files};
use records::{built, built_change, open};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const GENERATIONS: u32 = 10_000;
const IDLE: Duration = Duration::from_secs(20);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(transitions());
    runtime.block_on(opening());
    drop(runtime);
    idle();
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// In turns, so that what else the disk does meets both.
async fn transitions() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, plain) = (folder.path().join("whole"), folder.path().join("plain"));
    let state = open(&whole).await;
    let places = Places::new(&plain);
    for folder in [places.generations(), places.repository().join("refs/kiln")] {
        fs::create_dir_all(folder).unwrap();
    }
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for number in 1..=300 {
        let generation = built(number);
        without.push(timed(|| files_alone(&places, &generation)));
        with.push(timed(|| state.apply(&built_change(&generation)).unwrap()));
    }
    let (with, without) = (median(with), median(without));
    println!(
        "transition: {with:.2} ms, its files alone {without:.2} ms: {:.2} times (limit 1.75)",
        with / without
    );
}

/// The file protocol of a build's end: the transition, then its parts.
fn files_alone(places: &Places, generation: &Generation) {
    let record = serde_json::to_vec_pretty(generation).unwrap();
    let transition = serde_json::to_vec_pretty(&[generation, generation]).unwrap();
    let whole = places.folder.join("transition.json");
    files::replace(&whole, &transition).unwrap();
    let folder = places.generation(generation.number);
    fs::create_dir(&folder).unwrap();
    fs::File::open(places.generations())
        .unwrap()
        .sync_all()
        .unwrap();
    files::replace(&folder.join("generation.json"), &record).unwrap();
    let target = format!("generations/{}/result", generation.number);
    files::point(&places.current(), Path::new(&target)).unwrap();
    let commit = format!("{}\n", generation.commit.id);
    files::replace(&places.baseline(), commit.as_bytes()).unwrap();
    fs::remove_file(whole).unwrap();
}

async fn opening() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::new(folder.path());
    for number in 1..=GENERATIONS {
        let path = places.generation(GenerationNumber(number));
        fs::create_dir_all(&path).unwrap();
        let mut record = serde_json::to_value(built(number)).unwrap();
        record["version"] = kiln::state::RECORD_VERSION.into();
        fs::write(
            path.join("generation.json"),
            serde_json::to_vec_pretty(&record).unwrap(),
        )
        .unwrap();
    }
    let start = Instant::now();
    open(folder.path()).await.close().unwrap();
    println!(
        "rebuilding the index of {GENERATIONS} generations: {:.0} ms",
        start.elapsed().as_secs_f64() * 1000.0
    );
    let (mut opened, mut pages) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let start = Instant::now();
        let state = State::open(folder.path()).await.unwrap();
        opened.push(start.elapsed());
        let reader = state.reader();
        pages.push(timed(|| {
            assert_eq!(reader.page(Some(GenerationNumber(5000)), 50).len(), 50);
        }));
        state.close().unwrap();
    }
    println!(
        "opening {GENERATIONS} generations, check included: {:.0} ms (limit 150)",
        median(opened)
    );
    println!("a page of 50: {:.2} ms (limit 5)", median(pages));
}

/// An agent with nothing to do and nothing to poll.
fn idle() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("work");
    let git = |args: &[&str]| assert!(Command::new("git").args(args).status().unwrap().success());
    git(&[
        "init",
        "-q",
        "--bare",
        "-b",
        "main",
        repository.to_str().unwrap(),
    ]);
    let (state, socket) = (folder.path().join("state"), folder.path().join("kiln.sock"));
    let config = format!(
        "host = \"web-1\"\nstate_dir = {state:?}\n[[remotes]]\nname = \"origin\"\nurl = {repository:?}\n\
         poll_interval = \"0s\"\n[grpc]\nsocket = {socket:?}\nmode = \"0600\"\ngroup = \"\"\n"
    );
    let file = folder.path().join("kiln.toml");
    fs::write(&file, config).unwrap();
    let notify = folder.path().join("notify.sock");
    let ready = UnixDatagram::bind(&notify).unwrap();
    let mut agent = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(["agent", "--config"])
        .arg(&file)
        .env("NOTIFY_SOCKET", &notify)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    ready.recv(&mut [0; 64]).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let before = switches(agent.id());
    std::thread::sleep(IDLE);
    let after = switches(agent.id());
    let status = fs::read_to_string(format!("/proc/{}/status", agent.id())).unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let (mut ours, mut sleds) = (0, 0);
    for (thread, (name, count)) in &after {
        let woken = count - before.get(thread).map_or(0, |(_, before)| *before);
        match name.starts_with("sled") {
            true => sleds += woken,
            false => ours += woken,
        }
        if woken > 0 {
            println!(
                "  thread {name}: woken {woken} times in {} s",
                IDLE.as_secs()
            );
        }
    }
    let seconds = IDLE.as_secs_f64();
    println!(
        "idle agent: {:.1} MiB resident ({:.1} of its own; limit 20), woken {:.2} times a second (limit 1), sled's threads {:.2}",
        field(&status, "VmRSS:") / 1024.0,
        field(&status, "RssAnon:") / 1024.0,
        f64::from(ours) / seconds,
        f64::from(sleds) / seconds
    );
}

fn field(status: &str, name: &str) -> f64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// How often each thread gave up the processor to wait.
fn switches(pid: u32) -> BTreeMap<String, (String, u32)> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let Ok(status) = fs::read_to_string(task.path().join("status")) else {
            continue;
        };
        let name = status
            .lines()
            .find_map(|line| line.strip_prefix("Name:"))
            .unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small count"
        )]
        let count = field(&status, "voluntary_ctxt_switches:") as u32;
        threads.insert(
            task.file_name().into_string().unwrap(),
            (name.trim().to_owned(), count),
        );
    }
    threads
}
