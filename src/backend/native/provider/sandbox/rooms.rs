//! The rooms of a sandbox, as the agent has them: which one a step runs in.

use super::spec::{Attempt, Object, Report, RoomSpec, SetupError, User};
use super::views::Views;
use super::{backstage, userns};
use crate::backend::native::provider::StepRequest;
use crate::backend::native::provider::cgroup::Groups;
use crate::process::ForkServer;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// More are not remembered: those that no step is in are forgotten first. A build has
/// twice as many as jobs, and as many again with network.
const KEPT: usize = 64;

/// As many rooms of one kind may stand empty.
const SPARE: usize = 2;
/// After so many steps that waited for a room another one is started, which takes as
/// long as twenty of them wait: a build of a few steps has no need of it.
const WAITS: u32 = 6;

/// A room's process is started with its first step, and ends by itself when it was
/// idle for a while.
#[derive(Default)]
pub(super) struct Rooms {
    known: Mutex<Vec<Arc<Room>>>,
    /// Those that are started before there is a step for them.
    ahead: Mutex<JoinSet<()>>,
}

/// One room, for one step at a time.
pub(super) struct Room {
    pub spec: RoomSpec,
    pub server: ForkServer,
    /// Only the step that is in the room looks at them.
    pub views: Mutex<Views>,
    /// Steps that had to wait until it was as new.
    waits: AtomicU32,
}

impl Rooms {
    /// A room for a step like this, in which no other is.
    ///
    /// # Errors
    /// When the spec cannot be written.
    pub fn room(&self, spec: RoomSpec, groups: &Groups) -> Result<Arc<Room>, SetupError> {
        let mut rooms = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fit: Vec<usize> = (0..rooms.len())
            .filter(|room| rooms[*room].spec == spec && !is_taken(&rooms[*room]))
            .collect();
        // Of several the one that was left first is taken: it is ready first.
        let ready = fit.iter().find(|room| rooms[**room].server.is_ready());
        if let Some(found) = ready.or(fit.first()) {
            let room = rooms.remove(*found);
            rooms.push(Arc::clone(&room));
            if ready.is_none() && fit.len() < SPARE && room.is_waited_for_too_often() {
                self.start_ahead(&mut rooms, &room.spec, groups)?;
            }
            return Ok(room);
        }
        let room = Room::new(spec, groups)?;
        if rooms.len() >= KEPT {
            rooms.retain(is_taken);
        }
        rooms.push(Arc::clone(&room));
        Ok(room)
    }

    /// Another one like it, ready when one of the next steps comes.
    fn start_ahead(
        &self,
        rooms: &mut Vec<Arc<Room>>,
        spec: &RoomSpec,
        groups: &Groups,
    ) -> Result<(), SetupError> {
        let spare = Room::new(spec.clone(), groups)?;
        rooms.push(Arc::clone(&spare));
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        while ahead.try_join_next().is_some() {}
        ahead.spawn_blocking(move || {
            // Its first step tries again, and says why it cannot be.
            let _ = spare.server.start_ahead();
        });
        Ok(())
    }
}

impl Room {
    fn new(spec: RoomSpec, groups: &Groups) -> Result<Arc<Self>, SetupError> {
        let greeting = serde_json::to_vec(&spec).map_err(io::Error::from);
        let greeting = greeting.attempt(|| "write what the room is for".into())?;
        let user = spec.user;
        let groups = groups.clone();
        let admit = move |room| {
            groups.settle(room, user.build_user());
            userns::map(room, user).map_err(|SetupError { attempted, source }| {
                let why = format!("{attempted}: {}", userns::explain(source));
                io::Error::other(why)
            })
        };
        Ok(Arc::new(Room {
            spec,
            server: ForkServer::new("sandbox", greeting, Box::new(admit)),
            views: Mutex::default(),
            waits: AtomicU32::new(0),
        }))
    }

    /// A few steps that wait cost less than another room.
    fn is_waited_for_too_often(&self) -> bool {
        self.waits.fetch_add(1, Ordering::Relaxed) >= WAITS
    }
}

/// Whether a step is in it.
fn is_taken(room: &Arc<Room>) -> bool {
    Arc::strong_count(room) > 1
}

/// Numbers the folders that a step's objects lie in.
#[derive(Default)]
struct Folders<'a> {
    numbers: BTreeMap<&'a Path, usize>,
    paths: Vec<PathBuf>,
}

impl<'a> Folders<'a> {
    fn object(&mut self, path: &'a Path) -> Result<Object, SetupError> {
        let (folder, name) = split(path)?;
        let next = self.paths.len();
        let number = *self.numbers.entry(folder).or_insert(next);
        if number == next {
            self.paths.push(folder.to_owned());
        }
        Ok(Object(number, name))
    }
}

fn split(path: &Path) -> Result<(&Path, String), SetupError> {
    let name = path.file_name().and_then(|name| name.to_str());
    match (path.parent(), name) {
        (Some(folder), Some(name)) => Ok((folder, name.to_owned())),
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput))
            .attempt(|| format!("find the folder of {}", path.display())),
    }
}

/// Where a step's room is, and where it is in the room.
pub(super) struct Placed {
    pub room: RoomSpec,
    pub scratch: String,
    pub src: Option<Object>,
    pub inputs: BTreeMap<String, Object>,
}

impl Placed {
    /// # Errors
    /// Names the path that has no folder, or is not text.
    pub fn of(request: &StepRequest, user: User) -> Result<Self, SetupError> {
        let (above, scratch) = split(&request.scratch)?;
        let mut folders = Folders::default();
        let source = request.src.as_deref();
        let src = source.map(|source| folders.object(source)).transpose()?;
        let inputs = request.inputs.iter();
        let inputs = inputs.map(|(name, path)| Ok((name.clone(), folders.object(path)?)));
        let inputs = inputs.collect::<Result<_, SetupError>>()?;
        Ok(Placed {
            room: RoomSpec {
                user,
                network: request.network,
                // A host without one resolves as libc does by default.
                resolvers: request
                    .network
                    .then(|| fs::read_to_string("/etc/resolv.conf").ok())
                    .flatten(),
                host_paths: request.host_paths.clone(),
                scratch: above.to_owned(),
                folders: folders.paths,
                in_memory: request.limits.scratch.in_memory(),
            },
            scratch,
            src,
            inputs,
        })
    }
}

impl RoomSpec {
    /// What PID 1 said, with the host's folders as the host calls them.
    pub fn in_words_of_the_host(&self, said: &str) -> String {
        let folders = self.folders.iter().enumerate();
        let folders = folders.map(|(number, folder)| (backstage::folder(number), folder));
        let scratch = (backstage::place("scratch"), &self.scratch);
        let folders = folders.chain([scratch]);
        folders.fold(said.to_owned(), |said, (seen, folder)| {
            let with_slash = |path: &Path| format!("{}/", path.display());
            said.replace(&with_slash(&seen), &with_slash(folder))
        })
    }
}

/// What a room said when it could not be set up.
pub(super) fn refusal(said: &[u8]) -> SetupError {
    match serde_json::from_slice(said) {
        Ok(Report::Failed { attempted, error }) => SetupError {
            attempted,
            source: io::Error::other(error),
        },
        Ok(_) | Err(_) => SetupError {
            attempted: "make a room for the step".into(),
            source: io::Error::other(String::from_utf8_lossy(said).into_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_paths_of_the_host() {
        let room = RoomSpec {
            user: User::Caller,
            network: false,
            resolvers: None,
            host_paths: Vec::new(),
            scratch: "/state/steps".into(),
            folders: vec!["/state/store".into()],
            in_memory: None,
        };
        let said = "look at /dev/shm/0/1-x beside /dev/shm/scratch/17/store and /dev/shm";
        let host = "look at /state/store/1-x beside /state/steps/17/store and /dev/shm";
        assert_eq!(room.in_words_of_the_host(said), host);
    }
}
