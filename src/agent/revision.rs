//! A revision of somebody's repository, looked at without an agent: no state, no
//! store of kiln's, nothing is built. For `check`, and for `graph` and `diff` of
//! revisions.

use super::dev::{nothing_to_evaluate, refused, this_host};
use super::{RunError, Surroundings, backends};
use crate::backend::inspect::{InspectionError, Inspector, Look, Side, Survey, TestEnd, Wanted};
use crate::backend::{Sink, Source};
use crate::config::{BackendChoice, Config};
use crate::model::{BackendKind, Failure, HostName};
use crate::source::dev;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// What somebody wants to look at, and how it is evaluated.
pub struct RevisionOptions {
    /// The repository, or a folder in it, which is the subdirectory then.
    pub path: PathBuf,
    pub which: Which,
    pub backend: BackendChoice,
    /// What of a flake or a Nix file is a host's; `None`: as in a configuration
    /// that does not say.
    pub attribute: Option<crate::backend::nix::Attribute>,
    pub surroundings: Surroundings,
    /// Gets what the repository prints.
    pub sink: Arc<dyn Sink>,
}

/// Which files of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// As they are in the work tree; of HEAD where there is none.
    WorkTree,
    /// Of HEAD.
    Head,
    /// Of what Git resolves this to.
    Revision(String),
}

/// The files of a commit, or of a work tree, ready to be evaluated.
pub struct Revision {
    /// Borrows the person's objects, takes what of a work tree is in none, and has
    /// what an evaluation needs meanwhile.
    _folder: TempDir,
    look: Look,
    inspector: Arc<dyn Inspector>,
    at_once: usize,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum RevisionError {
    /// kiln or its host is broken, or was asked in a wrong way.
    Run(RunError),
    /// The repository is wrong.
    Failed(Box<Failure>),
}

impl From<InspectionError> for RevisionError {
    fn from(error: InspectionError) -> Self {
        match error {
            InspectionError::Backend(error) => RevisionError::Run(RunError::failed(&error)),
            InspectionError::Failed(failure) => RevisionError::Failed(failure),
        }
    }
}

impl Revision {
    /// Finds the repository at or above the path.
    ///
    /// # Errors
    /// When there is none, it has no such revision, or nothing this host can
    /// evaluate; the message says what to type.
    pub async fn open(options: RevisionOptions) -> Result<Self, RunError> {
        let opened = tokio::task::spawn_blocking(move || Revision::open_here(options)).await;
        opened.unwrap_or_else(|error| Err(RunError::failed(&error)))
    }

    fn open_here(options: RevisionOptions) -> Result<Self, RunError> {
        let folder = tempfile::tempdir().map_err(|error| RunError::failed(&error))?;
        let source = dev::open(&options.path, &repository(&folder)).map_err(refused)?;
        let (source, rev) = match &options.which {
            Which::WorkTree => (source.clone().with_worktree().unwrap_or(source), None),
            Which::Head => (source, None),
            Which::Revision(rev) => (source, Some(rev.as_str())),
        };
        let selection = source.head(rev).map_err(refused)?;
        let (state, socket) = (folder.path().to_owned(), PathBuf::new());
        let config = Config::for_dev(this_host()?, state, socket);
        let mut config = config.map_err(|error| RunError::failed(&error))?;
        config.backend.kind = options.backend;
        config.backend.attribute = options.attribute;
        let evaluable = backends::evaluable(&config);
        let has = |(_, file): &&(BackendKind, String)| source.has_file(&selection, file);
        let Some((kind, _)) = evaluable.iter().find(has) else {
            return Err(nothing_to_evaluate(&options.path, &evaluable, &selection));
        };
        Ok(Revision {
            inspector: backends::inspector(*kind, &config, &options.surroundings)?,
            at_once: backends::at_once(*kind),
            look: Look {
                source: Source {
                    repository: repository(&folder),
                    commit: selection.commit,
                    subdir: source.subdir,
                },
                this_host: config.host.clone(),
                scratch: folder.path().join("roots"),
                timeout: config.builder.eval_timeout,
                memory: config.builder.eval_memory,
                sink: options.sink,
                cancel: CancellationToken::new(), // an interrupted command drops its future
            },
            _folder: folder,
        })
    }

    /// This machine's name as a host.
    pub fn this_host(&self) -> &HostName {
        &self.look.this_host
    }

    /// Hosts or files that are evaluated at the same time, at most.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// What it declares.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub async fn survey(&self) -> Result<Survey, RevisionError> {
        Ok(self.inspector.survey(&self.look).await?)
    }

    /// How the test functions of a file end.
    ///
    /// # Errors
    /// When the file cannot be loaded.
    pub async fn tests(&self, file: &str) -> Result<Vec<TestEnd>, RevisionError> {
        Ok(self.inspector.tests(&self.look, file).await?)
    }

    /// Evaluates a host; what came of it, in a few words.
    ///
    /// # Errors
    /// When it cannot be evaluated, or does not declare the host.
    pub async fn check(&self, host: &HostName) -> Result<String, RevisionError> {
        Ok(self.inspector.check(&self.look, host).await?)
    }

    /// A host's graph and files, empty where they are not wanted.
    ///
    /// # Errors
    /// As [`Revision::check`].
    pub async fn side(&self, host: &HostName, wanted: Wanted) -> Result<Side, RevisionError> {
        Ok(self.inspector.side(&self.look, host, wanted).await?)
    }
}

fn repository(folder: &TempDir) -> PathBuf {
    folder.path().join("repository.git")
}
