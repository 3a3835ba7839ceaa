//! What a person asks of a commit's files, without an agent, a state or a store
//! of kiln's: what is declared, whether it evaluates, how it looks. Nothing is built.

use super::{DerivationGraph, Files};
use crate::backend::{BackendError, Sink, Source};
use crate::model::{Failure, HostName, Location};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The files to look at, and how much that may take.
#[derive(Clone)]
pub struct Look {
    pub source: Source,
    /// This machine's name, which stands for every host where the files name none.
    pub this_host: HostName,
    /// A folder for what is needed meanwhile; whoever looks removes it.
    pub scratch: PathBuf,
    /// Wall-clock limit of one question.
    pub timeout: Duration,
    /// Address-space limit of one evaluator, in bytes; `None`: the backend's own.
    pub memory: Option<u64>,
    /// Gets what the files print while they are evaluated.
    pub sink: Arc<dyn Sink>,
    pub cancel: CancellationToken,
}

/// What a commit's files declare.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Survey {
    /// In the order they are declared in, where there is one; `*` stands for
    /// whatever host asks.
    pub hosts: Vec<SurveyedHost>,
    /// From the subdirectory, sorted.
    pub test_files: Vec<String>,
    pub warnings: Vec<Warning>,
}

/// A host as it is declared.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SurveyedHost {
    pub name: String,
    /// Where, as far as that is known.
    pub location: Option<Location>,
    /// Files it must have.
    pub needs: Vec<String>,
}

/// What is likely not meant so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A short name for it.
    pub name: String,
    pub message: String,
    pub location: Option<Location>,
}

/// A test function that ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestEnd {
    pub name: String,
    /// `None`: it passed.
    pub failure: Option<Failure>,
}

/// What of a host somebody wants to see.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub files: bool,
    pub graph: bool,
}

/// One result, as `graph` and `diff` show it.
#[derive(Debug, Default)]
pub struct Side {
    pub files: Files,
    pub graph: DerivationGraph,
}

/// Why a commit's files give no answer.
#[derive(Debug)]
pub enum InspectionError {
    /// kiln or its host is broken.
    Backend(BackendError),
    /// The files are wrong, or what was asked of them is.
    Failed(Box<Failure>),
}

impl From<BackendError> for InspectionError {
    fn from(error: BackendError) -> Self {
        InspectionError::Backend(error)
    }
}

impl From<Failure> for InspectionError {
    fn from(failure: Failure) -> Self {
        InspectionError::Failed(Box::new(failure))
    }
}

/// A backend, as far as it can be asked of files that nobody selected.
///
/// Calls may run at the same time for different hosts. An undeclared host is a
/// failure of [`usage`](Failure::usage).
#[async_trait]
pub trait Inspector: Send + Sync + 'static {
    /// What the files declare.
    async fn survey(&self, look: &Look) -> Result<Survey, InspectionError>;

    /// How the test functions of one of [`Survey::test_files`] end.
    async fn tests(&self, look: &Look, file: &str) -> Result<Vec<TestEnd>, InspectionError>;

    /// Evaluates a host; what came of it, in a few words.
    async fn check(&self, look: &Look, host: &HostName) -> Result<String, InspectionError>;

    /// A host's graph and files, empty where they are not wanted.
    async fn side(
        &self,
        look: &Look,
        host: &HostName,
        wanted: Wanted,
    ) -> Result<Side, InspectionError>;
}
