//! An agent that is killed, and everything it ever acknowledged.

use super::common::{Home, PATIENCE, Repository, processes_with};
use kiln::client::{CONNECT_TIMEOUT, Client};
use kiln::pb;
use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// An agent whose point does not come is killed after this.
const PATIENT: Duration = Duration::from_millis(2500);

/// When it is killed.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// Milliseconds after it was started.
    After(u64),
    /// At this point, by itself.
    At { point: &'static str, nth: u32 },
}

/// What was answered or announced; from the other side it cannot be taken back.
#[derive(Default)]
struct Acknowledged {
    /// Number to id and whether its build was said to have succeeded.
    generations: BTreeMap<u32, (String, bool)>,
    /// Durable events, by number, as they were sent.
    events: BTreeMap<u64, pb::Event>,
    /// `None`: an answer was cut off, it may be either.
    suspended: Option<bool>,
    baseline: String,
    answers: usize,
}

impl Acknowledged {
    fn generation(&mut self, generation: &pb::Generation) {
        let known = self.generations.entry(generation.number);
        let (uuid, built) = known.or_insert_with(|| (generation.uuid.clone(), false));
        assert_eq!(
            *uuid, generation.uuid,
            "number {} is used twice",
            generation.number
        );
        *built |= is_built(generation);
    }

    fn event(&mut self, event: pb::Event) {
        if !event.durable {
            return;
        }
        if let Some(generation) = generation_of(&event) {
            self.generation(generation);
        }
        if let Some(known) = self.events.get(&event.seq) {
            assert_eq!(*known, event, "event {} is another one now", event.seq);
        }
        self.events.insert(event.seq, event);
    }
}

fn is_built(generation: &pb::Generation) -> bool {
    let status = generation.build.as_ref().map(|build| build.status);
    status == Some(pb::BuildStatus::Succeeded.into())
}

fn generation_of(event: &pb::Event) -> Option<&pb::Generation> {
    use pb::event::Event;
    match event.event.as_ref()? {
        Event::EvalStarted(e) => e.generation.as_ref(),
        Event::EvalFinished(e) => e.generation.as_ref(),
        Event::BuildStarted(e) => e.generation.as_ref(),
        Event::BuildFinished(e) => e.generation.as_ref(),
        _ => None,
    }
}

/// Killed and reaped when dropped.
struct Process(Child);

impl Process {
    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Ended as an operator does it.
    fn terminate(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct World {
    home: Home,
    /// Seconds, in the arguments of every step, to be found in /proc: no other's.
    mark: String,
    repository: Repository,
    runtime: Runtime,
    pub random: fastrand::Rng,
    known: Arc<Mutex<Acknowledged>>,
    commits: usize,
    kills: usize,
    at_points: usize,
    /// Events before a recovery are lost, and said to be.
    recovered: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let home = Home::new();
        let repository = Repository::new(home.path("work"));
        let mut world = World {
            home,
            mark: format!("0.05{}{seed}", std::process::id()),
            repository,
            runtime: Runtime::new().unwrap(),
            random: fastrand::Rng::with_seed(seed),
            known: Arc::default(),
            commits: 0,
            kills: 0,
            at_points: 0,
            recovered: false,
        };
        world.known.lock().unwrap().suspended = Some(false);
        world.commit();
        world.configure();
        world
    }

    fn state(&self) -> PathBuf {
        self.home.path("agent")
    }

    fn socket(&self) -> PathBuf {
        self.home.path("kiln.sock")
    }

    fn configure(&self) {
        let config = format!(
            "host = \"web-1\"\nstate_dir = {:?}\n[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n\
             [retention]\nbuilt = 3\nfailed = 2\ndays = 0\n[grpc]\nsocket = {:?}\nmode = \"0600\"\ngroup = \"\"\n",
            self.state(),
            self.repository.path,
            self.socket()
        );
        std::fs::write(self.home.path("kiln.toml"), config).unwrap();
    }

    /// Mostly good commits, some that fail, one in five a build that takes longer.
    fn commit(&mut self) {
        self.commits += 1;
        let n = self.commits;
        let mark = &self.mark;
        let pause = ["0.3", mark, mark, mark, mark][self.random.usize(0..5)];
        let end = ["exit 3", "", "", "", ""][self.random.usize(0..5)];
        self.repository.commit(&format!(
            "a = derivation(name = \"a\", script = \"echo a > $out\")\n\
             b = derivation(name = \"b\", deps = [a], script = \"sleep {pause}; sleep {mark}; {end}\\necho {n} > $out\")\n\
             host(\"web-1\", b)\n"
        ));
    }

    fn spawn(&self, before: &[&str]) -> (Process, UnixDatagram) {
        let notify = self.home.path("notify.sock");
        let _ = std::fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).unwrap();
        ready
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let log = self.home.path("agent.log");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let mut kiln = self.home.command();
        kiln.args(before)
            .args(["agent", "--config"])
            .arg(self.home.path("kiln.toml"));
        kiln.env("NOTIFY_SOCKET", &notify).stderr(log);
        (Process(kiln.spawn().unwrap()), ready)
    }

    /// Starts the agent, gives it work, and kills it then; whether it came by the point.
    pub fn crash(&mut self, moment: Moment) -> bool {
        let (before, patience) = match moment {
            Moment::After(millis) => (vec![], Duration::from_millis(millis)),
            Moment::At { point, nth } => (
                ["internal", "die-at", point, &nth.to_string()]
                    .map(str::to_owned)
                    .to_vec(),
                PATIENT,
            ),
        };
        let before: Vec<_> = before.iter().map(String::as_str).collect();
        let (mut child, ready) = self.spawn(&before);
        let end = Instant::now() + patience;
        let mut is_ready = false;
        while !is_ready && Instant::now() < end && child.lives() {
            is_ready = ready.recv(&mut [0; 64]).is_ok();
        }
        if is_ready {
            self.work(&mut child, end);
        }
        let died = !child.lives();
        drop(child);
        self.kills += 1;
        self.at_points += usize::from(died);
        died
    }

    /// Asks for this and that, and listens, until it is dead or the time is over.
    fn work(&mut self, child: &mut Process, end: Instant) {
        let listener = self
            .runtime
            .spawn(listen(self.socket(), Arc::clone(&self.known)));
        while Instant::now() < end && child.lives() {
            match self.random.u32(0..8) {
                0..4 => self.commit(),
                4 => self.ask(Ask::Suspend),
                5 => self.ask(Ask::Resume),
                6 => self.ask(Ask::Stop),
                _ => self.ask(Ask::Eval),
            }
            // Until something happens, not to flood it.
            let pause = Duration::from_millis(self.random.u64(0..150));
            let until = end.min(Instant::now() + pause);
            let left = until.saturating_duration_since(Instant::now());
            self.runtime
                .block_on(async { tokio::time::sleep(left).await });
        }
        listener.abort();
    }

    fn ask(&mut self, ask: Ask) {
        let (socket, known) = (self.socket(), Arc::clone(&self.known));
        self.runtime.block_on(async {
            let _ = tokio::time::timeout(PATIENT, asked(socket, known, ask)).await;
        });
    }

    /// Starts it as it is and compares with everything acknowledged.
    pub fn check(&mut self) {
        let (mut child, ready) = self.spawn(&[]);
        ready.set_read_timeout(Some(PATIENCE)).unwrap();
        if ready.recv(&mut [0; 64]).is_err() {
            panic!("it does not start again: {}", self.log());
        }
        let socket = self.socket();
        let status = self.runtime.block_on(settled(&socket));
        let history = self.runtime.block_on(history(&socket));
        self.check_status(&status);
        self.check_history(&history);
        self.check_events();
        child.terminate();
        self.check_leftovers();
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.home.path("agent.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn check_status(&self, status: &pb::Status) {
        let mut known = self.known.lock().unwrap();
        let suspended = status.builder.as_ref().unwrap().suspension.is_some();
        if let Some(wanted) = known.suspended {
            assert_eq!(suspended, wanted, "the suspension: {}", self.log());
        }
        known.suspended = Some(suspended);
        let latest = status.latest.as_ref().map_or(0, |latest| latest.number);
        let highest = known.generations.keys().last().copied().unwrap_or(0);
        assert!(
            latest >= highest,
            "{highest} was announced, the latest is {latest}"
        );
        let current = status.current.as_ref().map_or(0, |current| current.number);
        let built = known.generations.iter().filter(|(_, (_, built))| *built);
        let newest_built = built.map(|(number, _)| *number).max().unwrap_or(0);
        assert!(
            current >= newest_built,
            "{newest_built} was built, current is {current}"
        );
        if let Some(current) = &status.current {
            assert!(is_built(current), "current is not built: {current:?}");
            let result = self.state().join("current");
            assert!(result.exists(), "current leads nowhere");
            assert_eq!(
                status.baseline,
                current.commit.as_ref().unwrap().id,
                "{}",
                self.log()
            );
        }
        known.baseline.clone_from(&status.baseline);
    }

    fn check_history(&self, history: &[pb::Generation]) {
        let mut known = self.known.lock().unwrap();
        for generation in history {
            known.generation(generation);
            let (_, built) = &known.generations[&generation.number];
            assert_eq!(is_built(generation), *built, "{}", generation.number);
        }
        let numbers: Vec<_> = history.iter().map(|g| g.number).collect();
        assert!(numbers.windows(2).all(|two| two[0] > two[1]), "{numbers:?}");
    }

    /// What was acknowledged and has not left by retention, is whole on disk.
    fn check_folders(&self) {
        let known = self.known.lock().unwrap();
        for entry in std::fs::read_dir(self.state().join("generations")).unwrap() {
            let folder = entry.unwrap().path();
            let number: u32 = folder
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            let Some((_, built)) = known.generations.get(&number) else {
                continue; // killed before anybody was told of it
            };
            assert!(folder.join("generation.json").exists(), "{number}");
            assert!(
                !built || folder.join("result").exists(),
                "the root of {number}"
            );
        }
    }

    /// Every event that was seen is still there, the same, and each end once.
    fn check_events(&mut self) {
        let last = self.known.lock().unwrap().events.keys().last().copied();
        if std::mem::take(&mut self.recovered) {
            self.known.lock().unwrap().events.clear();
        }
        let last = last.filter(|_| !self.known.lock().unwrap().events.is_empty());
        let replayed = self
            .runtime
            .block_on(replay(&self.socket(), last.unwrap_or(0)));
        let mut known = self.known.lock().unwrap();
        let mut seen = BTreeMap::new();
        let mut ends = BTreeMap::new();
        for event in replayed {
            if let Some(pb::event::Event::BuildFinished(end)) = &event.event {
                let generation = end.generation.clone().unwrap();
                let attempt = generation.build.unwrap().attempt;
                *ends.entry((generation.number, attempt)).or_insert(0) += 1;
            }
            assert!(
                seen.insert(event.seq, ()).is_none(),
                "event {} twice",
                event.seq
            );
            known.event(event);
        }
        for seq in known.events.keys() {
            assert!(
                seen.contains_key(seq),
                "event {seq} is lost (of {last:?}): {}",
                self.log()
            );
        }
        for ((number, attempt), times) in ends {
            assert_eq!(times, 1, "the end of attempt {attempt} of {number}");
        }
    }

    fn check_leftovers(&self) {
        self.check_folders();
        assert_eq!(processes_with(&format!("sleep {}", self.mark)), [0; 0]);
        self.check_processes();
        let scratch = self.state().join("store/.kiln/tmp");
        let scratch: Vec<_> = std::fs::read_dir(scratch).unwrap().flatten().collect();
        assert!(scratch.is_empty(), "{scratch:?}");
        assert!(!self.state().join("transition.json").exists());
        for folder in ["", "generations", "repository.git/refs/kiln"] {
            for entry in std::fs::read_dir(self.state().join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(
                    !name.starts_with(".new-") && !name.starts_with(".gone-"),
                    "{folder}/{name}"
                );
            }
        }
    }

    /// No process but this one has to do with the state: by its arguments, its
    /// environment, where it is, or what is mounted where it is. So no mount is
    /// left either: one lives as long as a process in its namespace.
    fn check_processes(&self) {
        let home = self.home.folder.path().to_str().unwrap();
        let own = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!own.contains(home), "{own}");
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let process = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if name == std::process::id().to_string() || name.parse::<u32>().is_err() {
                continue;
            }
            let texts = ["cmdline", "environ", "mountinfo"].map(|file| {
                let bytes = std::fs::read(process.join(file)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            });
            let links = ["cwd", "root"].map(|link| {
                let link = std::fs::read_link(process.join(link)).unwrap_or_default();
                link.to_string_lossy().into_owned()
            });
            for text in texts.iter().chain(&links) {
                assert!(!text.contains(home), "process {name} is left: {texts:?}");
            }
        }
    }

    /// Every object with a record is what its record says, and no record speaks of
    /// an object that is not there.
    pub fn check_objects(&self) {
        let store = kiln::store::Store::open(&self.state().join("store")).unwrap();
        let mut checked = 0;
        for entry in std::fs::read_dir(store.dir()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Ok(path) = format!("/var/lib/kiln/store/{name}").parse() else {
                continue;
            };
            if let Some(info) = store.info(&path) {
                let mut nar = Vec::new();
                kiln::store::dump_nar(&store.real_path(&path), &mut nar).unwrap();
                assert_eq!(kiln::store::Hash::of(&nar), info.nar_hash, "{path}");
                checked += 1;
            }
        }
        assert!(checked > 3, "{checked} objects");
        let records = std::fs::read_dir(store.dir().join(".kiln/objects")).unwrap();
        assert_eq!(
            records.count(),
            checked,
            "records, and objects that have one"
        );
    }

    /// Cuts the index short; what it alone knew is lost with it.
    pub fn damage_index(&mut self) {
        let file = self.state().join("sled/db");
        let length = file.metadata().unwrap().len();
        let damaged = std::fs::File::options().write(true).open(&file).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&damaged, &[0x5a; 3000], length / 8).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&damaged, &[0x5a; 3000], 100).unwrap();
        self.recovered = true;
    }

    /// As if much had been in it and left.
    pub fn grow_index(&self) {
        let blob = self.state().join("sled/blobs");
        std::fs::create_dir_all(&blob).unwrap();
        let file = std::fs::File::create(self.state().join("sled/grown")).unwrap();
        file.set_len(64 << 20).unwrap();
    }

    pub fn kept_copies(&self) -> usize {
        let entries = std::fs::read_dir(self.state()).unwrap().flatten();
        let kept = entries.filter(|e| e.file_name().to_string_lossy().starts_with("sled.damaged-"));
        kept.count()
    }

    pub fn summary(&self) -> String {
        let known = self.known.lock().unwrap();
        format!(
            "{} kills, {} of them at a point; {} commits, {} answers, {} generations and {} durable events acknowledged",
            self.kills,
            self.at_points,
            self.commits,
            known.answers,
            known.generations.len(),
            known.events.len()
        )
    }
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Suspend,
    Resume,
    Stop,
    Eval,
}

async fn client(socket: &Path) -> Option<Client> {
    Client::connect(socket, CONNECT_TIMEOUT).await.ok()
}

/// One call; what it answers is acknowledged, a refusal included.
async fn asked(socket: PathBuf, known: Arc<Mutex<Acknowledged>>, ask: Ask) {
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
async fn listen(socket: PathBuf, known: Arc<Mutex<Acknowledged>>) {
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
async fn replay(socket: &Path, last: u64) -> Vec<pb::Event> {
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

async fn history(socket: &Path) -> Vec<pb::Generation> {
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
async fn settled(socket: &Path) -> pb::Status {
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
