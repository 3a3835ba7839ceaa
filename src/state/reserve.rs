//! 16 MiB set aside: deleted to finish a transition on a full disk, made again
//! when there is space.

use super::{Places, StateError};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

const SIZE: u64 = 16 << 20;
/// Free bytes below which it is not made again: it would be spent at once.
const ENOUGH: u64 = 2 * SIZE;

#[derive(Default)]
pub(super) struct Reserve {
    /// It is not there.
    spent: AtomicBool,
}

impl Reserve {
    /// Gives the space back to the disk; `false`: there was none to give.
    pub fn spend(&self, places: &Places) -> bool {
        let removed = std::fs::remove_file(places.reserve()).is_ok();
        self.spent.store(true, Ordering::Relaxed);
        if removed {
            tracing::warn!(state = %places.folder.display(),
                "the disk is full: the reserve is spent to finish what was begun");
        }
        removed
    }

    /// Makes it, where it is not there and the disk has room.
    pub fn ensure(&self, places: &Places) {
        let made = places.reserve().metadata().is_ok_and(|m| m.len() == SIZE)
            || (has_room(places) && make(places).is_ok());
        let was_spent = self.spent.swap(!made, Ordering::Relaxed);
        if was_spent && made {
            tracing::info!("there is space again: the reserve is made");
        }
    }

    /// After it was spent: makes it again as soon as there is space.
    pub fn ensure_if_spent(&self, places: &Places) {
        if self.spent.load(Ordering::Relaxed) {
            self.ensure(places);
        }
    }

    pub fn warning(&self, places: &Places) -> Option<String> {
        self.spent.load(Ordering::Relaxed).then(|| {
            format!(
                "the disk of {} is full: free some space; the reserve for finishing what was begun is spent",
                places.folder.display()
            )
        })
    }
}

fn has_room(places: &Places) -> bool {
    let free = nix::sys::statvfs::statvfs(&places.folder);
    free.is_ok_and(|free| free.blocks_available() * free.fragment_size() >= ENOUGH)
}

fn make(places: &Places) -> Result<(), StateError> {
    let path = places.reserve();
    let io = |e| StateError::io("make", &path, e);
    let mut file = File::create(&path).map_err(io)?;
    let size = i64::try_from(SIZE).unwrap_or(i64::MAX);
    let made = nix::fcntl::fallocate(&file, nix::fcntl::FallocateFlags::empty(), 0, size);
    let made = match made {
        // A file system that cannot set space aside: it is taken by writing.
        Err(nix::errno::Errno::EOPNOTSUPP) => {
            let zeros = vec![0; 1 << 20];
            (0..SIZE >> 20).try_for_each(|_| file.write_all(&zeros))
        }
        other => other.map_err(Into::into),
    };
    made.map_err(|error| {
        let _ = std::fs::remove_file(&path);
        io(error)
    })
}
