//! The tree in an archive: reused when this archive was unpacked before.

use super::Build;
use super::outcome::{Made as MadeNode, NodeEnd};
use super::step::StepLog;
use crate::backend::BackendError;
use crate::backend::native::graph::UnpackNode;
use crate::backend::native::resolve::{Made, path_of};
use crate::backend::native::unpack::{UNPACKER_VERSION, UnpackRequest, Unpacked};
use crate::backend::native::{attempted, blocking};
use crate::model::Failure;
use crate::store::cache::Wanted;
use crate::store::{Canonical, Outputs, PublishError, RealisationKey, Store, StorePath};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

impl Build {
    /// # Errors
    /// When the graph refers to what is not there.
    pub(super) fn unpack_job(
        &self,
        node: &UnpackNode,
        made: &Made,
        slot: u32,
        cancel: &CancellationToken,
    ) -> Result<UnpackJob, Failure> {
        Ok(UnpackJob {
            store: self.store.clone(),
            archive: path_of(made, &node.archive)?,
            node: node.clone(),
            user: self.config.download.user(slot),
            size: self.config.limits.output_size,
            timeout: self.request.timeout,
            silence: self.request.silence,
            log: StepLog::new(Arc::clone(&self.request.sink), &node.name),
            cancel: cancel.clone(),
        })
    }
}

pub(super) struct UnpackJob {
    store: Store,
    archive: StorePath,
    node: UnpackNode,
    user: Result<Option<u32>, BackendError>,
    size: u64,
    timeout: Duration,
    silence: Duration,
    log: Arc<StepLog>,
    cancel: CancellationToken,
}

impl UnpackJob {
    /// What caches have the tree by.
    pub fn wanted(&self) -> Wanted {
        Wanted {
            key: unpacked_key(&self.archive, &self.node.name),
            outputs: vec!["out".into()],
            fixed: None,
        }
    }

    /// `begins` is called when something is really unpacked.
    pub async fn run(self, begins: impl FnOnce()) -> Result<NodeEnd, BackendError> {
        let (store, key) = (
            self.store.clone(),
            unpacked_key(&self.archive, &self.node.name),
        );
        let known = blocking("look up what was unpacked", move || store.realisation(key)).await?;
        if let Some(outputs) = known {
            return Ok(made(outputs, true));
        }
        begins();
        let store = self.store.clone();
        let scratch = blocking("prepare to unpack", move || store.scratch())
            .await?
            .map_err(attempted("make a folder to unpack in"))?;
        let request = UnpackRequest {
            archive: self.store.real_path(&self.archive),
            folder: scratch.path().to_owned(),
            size: self.size,
            user: self.user?,
            timeout: self.timeout,
            silence: self.silence,
        };
        self.log
            .write(format!("unpacking {}\n", self.archive).as_bytes());
        let end = match request.run(&self.cancel).await? {
            Unpacked::Tree {
                path,
                entries,
                bytes,
            } => {
                self.log
                    .write(format!("{entries} entries, {bytes} bytes\n").as_bytes());
                take(self.store, path, self.node.name.clone(), key).await?
            }
            Unpacked::Failed(failure) => Err(failure),
            Unpacked::Cancelled => return Ok(NodeEnd::Cancelled),
            Unpacked::TimedOut => {
                let message = format!("unpacking {} took too long", self.node.name);
                let failure = Failure::certain(message);
                let location = self.node.location.as_ref();
                let failure = self.log.described(failure, &self.node.name, location);
                return Ok(NodeEnd::TimedOut(failure));
            }
        };
        drop(scratch);
        Ok(end.unwrap_or_else(|failure| {
            let failure = Failure {
                message: format!("cannot unpack {}: {}", self.archive.name(), failure.message),
                ..failure
            };
            let location = self.node.location.as_ref();
            NodeEnd::Failed(self.log.described(failure, &self.node.name, location))
        }))
    }
}

/// What an unpacked tree is recorded under (`docs/formats.md`).
pub(super) fn unpacked_key(archive: &StorePath, name: &str) -> RealisationKey {
    Canonical::new("kiln:unpack:1")
        .number(u64::from(UNPACKER_VERSION))
        .text(archive.to_string())
        .text(name)
        .finish()
        .into()
}

async fn take(
    store: Store,
    path: PathBuf,
    name: String,
    key: RealisationKey,
) -> Result<Result<NodeEnd, Failure>, BackendError> {
    let taken = blocking("take what was unpacked", move || {
        let object = store.publish_data(&path, &name)?;
        let outputs = Outputs::from([("out".to_owned(), object)]);
        store
            .remember_realisation(key, &outputs)
            .map_err(PublishError::Store)
    });
    match taken.await? {
        Ok(outputs) => Ok(Ok(made(outputs, false))),
        Err(error) if error.is_certain() => Ok(Err(Failure::certain(error.to_string()))),
        Err(error) => Err(attempted("take what was unpacked")(error)),
    }
}

fn made(outputs: Outputs, reused: bool) -> NodeEnd {
    NodeEnd::Made(MadeNode { outputs, reused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unpacked_tree_is_known_by_its_archive_its_name_and_the_unpacker() {
        let archive = "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz-x.tar.gz";
        let key = unpacked_key(&archive.parse().unwrap(), "x");
        assert_eq!(
            key.to_string(),
            "85c2924c1a8800bfc008d53d39a1240c847cbd71edf8f333bf420c00430f652d"
        );
    }
}
