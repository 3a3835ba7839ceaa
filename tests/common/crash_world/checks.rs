//! What must hold after a kill: all that was acknowledged is there, and nothing
//! else is left.

use super::super::common::{PATIENCE, processes_with};
use super::World;
use super::acknowledged::is_built;
use super::asking::{history, replay, settled};
use kiln::pb;
use std::collections::BTreeMap;

impl World {
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
}
