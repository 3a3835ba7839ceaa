//! A fetched file: reused when its hash is known here, else brought and taken.

use super::Build;
use super::outcome::{Made as MadeNode, NodeEnd};
use super::step::StepLog;
use crate::backend::BackendError;
use crate::backend::native::download::{Brought, Download, DownloadConfig, DownloadRequest};
use crate::backend::native::graph::FetchNode;
use crate::backend::native::{attempted, blocking};
use crate::model::Failure;
use crate::store::{FixedMode, FixedOutput, Hash, Outputs, PublishError, Store, hash_file};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

impl Build {
    pub(super) fn fetch_job(
        &self,
        node: &FetchNode,
        slot: u32,
        cancel: &CancellationToken,
    ) -> FetchJob {
        FetchJob {
            store: self.store.clone(),
            config: self.config.download.clone(),
            node: node.clone(),
            slot,
            size: self.config.limits.output_size,
            timeout: self.request.timeout,
            log: StepLog::new(Arc::clone(&self.request.sink), &node.name),
            cancel: cancel.clone(),
        }
    }
}

pub(super) struct FetchJob {
    store: Store,
    config: DownloadConfig,
    node: FetchNode,
    slot: u32,
    size: u64,
    timeout: Duration,
    log: Arc<StepLog>,
    cancel: CancellationToken,
}

impl FetchJob {
    /// `begins` is called when something is really fetched.
    pub async fn run(self, begins: impl FnOnce()) -> Result<NodeEnd, BackendError> {
        let promised = match self.promised() {
            Ok(promised) => promised,
            Err(failure) => return Ok(NodeEnd::Failed(self.described(failure))),
        };
        if let Some(known) = self.known(promised.as_ref()).await? {
            return Ok(known);
        }
        begins();
        let store = self.store.clone();
        let scratch = blocking("prepare a download", move || store.scratch())
            .await?
            .map_err(attempted("make a download's folder"))?;
        let file = scratch.path().join("file");
        let mut download = Download::new(&self.config, self.request(file.clone()))?;
        loop {
            let url = match download.bring().await? {
                Brought::File { url } => url,
                Brought::Failed(failure) => return Ok(NodeEnd::Failed(self.described(failure))),
                Brought::TimedOut => return Ok(NodeEnd::TimedOut(self.too_long())),
                Brought::Cancelled => return Ok(NodeEnd::Cancelled),
            };
            let Some(promised) = &promised else {
                return Ok(NodeEnd::Failed(self.described(self.unpinned(&file).await?)));
            };
            match self.take(&file, promised).await? {
                Ok(end) => return Ok(end),
                Err(found) => download.refuse(self.wrong(&url, promised.hash, found)),
            }
        }
    }

    /// What the node promises; nothing when the hash is still to be told.
    pub(super) fn promised(&self) -> Result<Option<FixedOutput>, Failure> {
        let hash = self.node.sha256.as_deref().map(str::parse::<Hash>);
        let hash = hash
            .transpose()
            .map_err(|error| Failure::certain(format!("sha256 of {}: {error}", self.node.name)))?;
        let mode = match self.node.executable {
            true => FixedMode::Executable,
            false => FixedMode::Flat,
        };
        let name = self.node.name.clone();
        Ok(hash.map(|hash| FixedOutput { hash, mode, name }))
    }

    async fn known(&self, promised: Option<&FixedOutput>) -> Result<Option<NodeEnd>, BackendError> {
        let Some(key) = promised.map(FixedOutput::key) else {
            return Ok(None);
        };
        let store = self.store.clone();
        let known = blocking("look up a download", move || store.realisation(key)).await?;
        Ok(known.map(|outputs| made(outputs, true)))
    }

    fn request(&self, file: PathBuf) -> DownloadRequest {
        let log = Arc::clone(&self.log);
        DownloadRequest {
            urls: self.node.urls.clone(),
            file,
            size: self.size,
            timeout: self.timeout,
            slot: self.slot,
            log: Arc::new(move |bytes| log.write(bytes)),
            cancel: self.cancel.clone(),
        }
    }

    /// Into the store, or the hash it has instead of the promised one.
    async fn take(
        &self,
        file: &Path,
        promised: &FixedOutput,
    ) -> Result<Result<NodeEnd, Hash>, BackendError> {
        let (store, file, promised) = (self.store.clone(), file.to_owned(), promised.clone());
        let taken = blocking("take a download", move || {
            let path = store.publish_flat(&file, &promised)?;
            let outputs = Outputs::from([("out".to_owned(), path)]);
            Ok(store.remember_realisation(promised.key(), &outputs)?)
        });
        match taken.await? {
            Ok(outputs) => Ok(Ok(made(outputs, false))),
            Err(PublishError::HashDiffers { found, .. }) => Ok(Err(found)),
            Err(error) if error.is_certain() => {
                let failure = self.described(Failure::certain(error.to_string()));
                Ok(Ok(NodeEnd::Failed(failure)))
            }
            Err(error) => Err(attempted(format!("take {}", self.node.name))(error)),
        }
    }

    fn wrong(&self, url: &str, expected: Hash, got: Hash) -> Failure {
        let hex = self
            .node
            .sha256
            .as_ref()
            .is_some_and(|hash| hash.len() == 64);
        let as_written = |hash: Hash| match hex {
            true => crate::store::encoding::hex(&hash.0),
            false => hash.to_string(),
        };
        Failure::certain(format!(
            "{} has another sha256 than promised:\n  expected {}\n  got      {}",
            crate::backend::native::download::shown(url),
            as_written(expected),
            as_written(got),
        ))
        .hint("if the new file is the one you mean, write its sha256 into fetch(); else the server, or somebody between, changed it")
    }

    /// Nobody said which bytes they are: the hash to promise.
    async fn unpinned(&self, file: &Path) -> Result<Failure, BackendError> {
        let path = file.to_owned();
        let hash = blocking("hash a download", move || hash_file(&path)).await?;
        let hash = hash.map_err(attempted(format!("hash {}", self.node.name)))?;
        Ok(Failure::certain(format!(
            "fetch() of {} has no sha256 yet; once you trust what came, write\n  sha256 = \"{hash}\",",
            self.node.name
        )))
    }

    fn too_long(&self) -> Failure {
        let limit = self.timeout.as_secs();
        let name = &self.node.name;
        self.described(Failure::certain(format!(
            "fetching {name} took longer than {limit} s"
        )))
    }

    fn described(&self, failure: Failure) -> Failure {
        self.log
            .described(failure, &self.node.name, self.node.location.as_ref())
    }
}

fn made(outputs: Outputs, reused: bool) -> NodeEnd {
    NodeEnd::Made(MadeNode { outputs, reused })
}
