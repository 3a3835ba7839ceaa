//! A revision of somebody's repository, looked at without an agent: no state, no
//! store, nothing is built. For `check`, and for `graph` and `diff` of revisions.

use super::RunError;
use super::dev::{refused, this_host};
use crate::backend::BackendError;
use crate::backend::native::eval::{self, EvalEnd, EvalRequest, Survey, TestEnd};
use crate::backend::native::graph::Graph;
use crate::backend::native::inspect::{InGit, Inspection};
use crate::backend::native::{EVAL_MEMORY, system};
use crate::config::Config;
use crate::model::{Commit, Failure, HostName};
use crate::server::convert::inspect::Side;
use crate::source::dev;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

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
    /// Borrows the person's objects, and takes what of a work tree is in none.
    folder: TempDir,
    commit: Commit,
    subdir: String,
    config: Config,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum RevisionError {
    /// kiln or its host is broken, or was asked in a wrong way.
    Run(RunError),
    /// The repository is wrong.
    Failed(Box<Failure>),
}

impl From<BackendError> for RevisionError {
    fn from(error: BackendError) -> Self {
        RevisionError::Run(RunError::failed(&error))
    }
}

impl From<Failure> for RevisionError {
    fn from(failure: Failure) -> Self {
        RevisionError::Failed(Box::new(failure))
    }
}

impl Revision {
    /// Finds the repository at or above `path`.
    ///
    /// # Errors
    /// When there is none, or it has no such revision; the message says what to type.
    pub async fn open(path: &Path, which: Which) -> Result<Self, RunError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || Revision::open_here(&path, &which)).await;
        opened.unwrap_or_else(|error| Err(RunError::failed(&error)))
    }

    fn open_here(path: &Path, which: &Which) -> Result<Self, RunError> {
        let folder = tempfile::tempdir().map_err(|error| RunError::failed(&error))?;
        let source = dev::open(path, &repository(&folder)).map_err(refused)?;
        let (source, rev) = match which {
            Which::WorkTree => (source.clone().with_worktree().unwrap_or(source), None),
            Which::Head => (source, None),
            Which::Revision(rev) => (source, Some(rev.as_str())),
        };
        let selection = source.head(rev).map_err(refused)?;
        let (state, socket) = (folder.path().to_owned(), PathBuf::new());
        let config = Config::for_dev(this_host()?, state, socket);
        Ok(Revision {
            folder,
            commit: selection.commit,
            subdir: source.subdir,
            config: config.map_err(|error| RunError::failed(&error))?,
        })
    }

    /// The commit it is.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// This machine's name as a host.
    pub fn this_host(&self) -> &HostName {
        &self.config.host
    }

    fn request(&self, host: &HostName) -> EvalRequest {
        EvalRequest {
            repository: repository(&self.folder),
            tree: self.commit.tree.clone(),
            commit: self.commit.id.to_string(),
            commit_time: self.commit.time,
            subdir: self.subdir.clone(),
            file: self.config.native.file.clone(),
            host: host.clone(),
            system: system(),
            timeout: self.config.builder.eval_timeout,
            memory: self.config.builder.eval_memory.unwrap_or(EVAL_MEMORY),
        }
    }

    /// What it declares; `on_log` gets what it prints.
    ///
    /// # Errors
    /// When it cannot be evaluated.
    pub async fn survey(&self, on_log: impl FnMut(&[u8]) + Send) -> Result<Survey, RevisionError> {
        let (request, never) = (self.request(self.this_host()), CancellationToken::new());
        Ok(eval::survey(&request, &never, on_log).await??)
    }

    /// How the test functions of a file end.
    ///
    /// # Errors
    /// When the file cannot be loaded.
    pub async fn tests(
        &self,
        file: &str,
        on_log: impl FnMut(&[u8]) + Send,
    ) -> Result<Vec<TestEnd>, RevisionError> {
        let (request, never) = (self.request(self.this_host()), CancellationToken::new());
        Ok(eval::tests_of(&request, file, &never, on_log).await??)
    }

    /// A host's graph.
    ///
    /// # Errors
    /// When it cannot be evaluated, or does not declare the host.
    pub async fn graph(
        &self,
        host: &HostName,
        on_log: impl FnMut(&[u8]) + Send,
    ) -> Result<Graph, RevisionError> {
        let never = CancellationToken::new();
        match eval::evaluate(&self.request(host), &never, on_log).await? {
            EvalEnd::Graph(graph) => Ok(graph),
            EvalEnd::Failed(failure) | EvalEnd::TimedOut(failure) => Err(failure.into()),
            EvalEnd::UndeclaredHost { failure, .. } => Err(Failure {
                usage: true,
                ..failure
            }
            .into()),
            EvalEnd::Cancelled => Err(Failure::transient("interrupted").into()),
        }
    }

    /// A host's graph, and the files of its root where they are asked for.
    ///
    /// # Errors
    /// As [`Revision::graph`].
    pub async fn side(
        &self,
        host: &HostName,
        with_files: bool,
        on_log: impl FnMut(&[u8]) + Send,
    ) -> Result<Side, RevisionError> {
        let graph = self.graph(host, on_log).await?;
        let repository = repository(&self.folder);
        let looked = tokio::task::spawn_blocking(move || {
            let sources = InGit(repository);
            let inspection = Inspection::new(&graph, &sources)?;
            Ok::<_, crate::backend::native::inspect::InspectError>(Side {
                files: match with_files {
                    true => inspection.files()?,
                    false => Default::default(),
                },
                graph: inspection.graph(),
            })
        });
        let looked = looked
            .await
            .map_err(|error| RevisionError::Run(RunError::failed(&error)));
        looked?.map_err(|error| Failure::certain(error.to_string()).into())
    }
}

fn repository(folder: &TempDir) -> PathBuf {
    folder.path().join("repository.git")
}
