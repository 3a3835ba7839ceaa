//! An agent that is killed, and everything it ever acknowledged.

use super::common::{Home, Repository};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

#[path = "crash_world/acknowledged.rs"]
mod acknowledged;
#[path = "crash_world/asking.rs"]
mod asking;
#[path = "crash_world/checks.rs"]
mod checks;

use acknowledged::Acknowledged;
use asking::{Ask, asked, listen};

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

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.home.path("agent.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
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
