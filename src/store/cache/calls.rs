//! System calls on the folders of caches. One on a file system that hangs does not
//! come back and keeps its thread, so that no more are begun there meanwhile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The calls that have not come back yet; shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    since: BTreeMap<u64, (PathBuf, Instant)>,
}

/// One call, until it is dropped.
struct Call {
    calls: Calls,
    number: u64,
}

impl Calls {
    /// Makes a call on this folder. Where an earlier one has not come back for
    /// `patience` it is not made: for how long that one hangs.
    pub(super) fn make<T>(
        &self,
        folder: &Path,
        patience: Duration,
        call: impl FnOnce() -> T,
    ) -> Result<T, Duration> {
        let begun = self.begin(folder, Some(patience))?;
        let came = call();
        drop(begun);
        Ok(came)
    }

    /// A file of this folder, whose reading counts too.
    pub(super) fn reader(&self, folder: &Path, file: File) -> impl Read + Send + use<> {
        let (calls, folder) = (self.clone(), folder.to_owned());
        Reader {
            calls,
            folder,
            file,
        }
    }

    fn begin(&self, folder: &Path, patience: Option<Duration>) -> Result<Call, Duration> {
        let mut open = self.lock();
        let here = open.since.values().filter(|(of, _)| of == folder);
        let longest = here.map(|(_, since)| since.elapsed()).max();
        if let (Some(longest), Some(patience)) = (longest, patience)
            && longest >= patience
        {
            return Err(longest);
        }
        open.next += 1;
        let number = open.next;
        open.since.insert(number, (folder.into(), Instant::now()));
        let calls = self.clone();
        Ok(Call { calls, number })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.lock().since.remove(&self.number);
    }
}

struct Reader {
    calls: Calls,
    folder: PathBuf,
    file: File,
}

impl Read for Reader {
    /// What was opened is read to its end: others wait where it hangs.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let call = self.calls.begin(&self.folder, None);
        let read = self.file.read(buffer);
        drop(call);
        read
    }
}
