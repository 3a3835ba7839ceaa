//! Refusals on the wire: a standard code, a message a person can act on, and
//! the next step as metadata.

use crate::builder::Refusal;
use crate::source::{FetchError, ResolveError};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

/// Metadata key of the next step; printable ASCII.
pub const HINT: &str = "kiln-hint";

/// A status with a next step for the reader.
pub fn refuse(code: Code, message: impl Into<String>, hint: impl AsRef<str>) -> Status {
    let mut status = Status::new(code, message);
    let printable = |c: char| {
        if c.is_ascii() && !c.is_ascii_control() {
            c
        } else {
            '?'
        }
    };
    let hint: String = hint.as_ref().chars().map(printable).collect();
    if let Ok(value) = MetadataValue::try_from(hint)
        && !value.is_empty()
    {
        status.metadata_mut().insert(HINT, value);
    }
    status
}

/// The Builder's refusal as a status.
pub fn from_refusal(refusal: &Refusal) -> Status {
    let (code, hint) = match refusal {
        Refusal::UnknownGeneration(_) => (
            Code::NotFound,
            "kiln generations lists those there are".to_owned(),
        ),
        Refusal::NoGeneration => (
            Code::NotFound,
            "kiln fetch looks for commits now".to_owned(),
        ),
        Refusal::AnotherInWork { in_work, .. } => (
            Code::FailedPrecondition,
            format!("wait for it (kiln log {in_work} --follow), or end it: kiln cancel"),
        ),
        Refusal::NotEvaluated(number) => (
            Code::FailedPrecondition,
            format!("kiln show {number} says why; kiln eval evaluates again"),
        ),
        Refusal::MachineIdDiffers { .. } => (
            Code::FailedPrecondition,
            "check which host this configuration is for, and /etc/machine-id".to_owned(),
        ),
        Refusal::AlreadyBuilding(number) => {
            (Code::AlreadyExists, format!("kiln log {number} --follow"))
        }
        Refusal::AlreadyBuilt(number) => (Code::AlreadyExists, format!("kiln show {number}")),
        Refusal::FailedBefore { number, .. } => (
            Code::FailedPrecondition,
            format!("kiln show {number} says why; kiln build {number} --retry tries all the same"),
        ),
        Refusal::NothingToConfirm(number) => (
            Code::FailedPrecondition,
            format!("kiln show {number} says how it stands"),
        ),
        Refusal::AlreadySuspended(_) => {
            (Code::FailedPrecondition, "kiln resume ends it".to_owned())
        }
        Refusal::NotSuspended => (Code::FailedPrecondition, "kiln status".to_owned()),
        Refusal::NoBaseline => (Code::FailedPrecondition, "kiln status".to_owned()),
        Refusal::BaselineAlready(_) => (Code::AlreadyExists, "kiln fetch".to_owned()),
        Refusal::ShuttingDown => (Code::Unavailable, STOPPED.to_owned()),
        Refusal::State(_) => (
            Code::Internal,
            "make room or mend the state directory, then ask again".to_owned(),
        ),
    };
    refuse(code, refusal.to_string(), hint)
}

/// Why nothing was fetched, as a status.
pub fn from_fetch(error: &FetchError) -> Status {
    let (code, hint) = match error {
        FetchError::UnknownRemote { .. } => (Code::NotFound, "kiln status lists the remotes"),
        FetchError::Stopped => (Code::Unavailable, STOPPED),
    };
    refuse(code, error.to_string(), hint)
}

/// Why a revision is no commit, as a status.
pub fn from_resolve(error: &ResolveError) -> Status {
    let fetch = "kiln fetch shows every branch's verdict";
    let (code, hint) = match error {
        ResolveError::NothingSelected => (Code::FailedPrecondition, fetch),
        ResolveError::UnknownRemote { .. } => (Code::NotFound, "kiln status lists the remotes"),
        ResolveError::UnknownBranch { .. } | ResolveError::UnknownRevision { .. } => {
            (Code::NotFound, fetch)
        }
        ResolveError::NoRemotes => (Code::InvalidArgument, "kiln eval REV"),
        ResolveError::Repository(_) => (Code::Internal, "see the agent's log, and kiln fetch"),
        ResolveError::Dev(error) if error.is_usage() => (Code::NotFound, "kiln status"),
        ResolveError::Dev(_) => (Code::Internal, "see the agent's log"),
        ResolveError::Stopped => (Code::Unavailable, STOPPED),
    };
    refuse(code, error.to_string(), hint)
}

const STOPPED: &str = "ask again once it runs again";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GenerationNumber;

    #[test]
    fn b08_five_refusals_of_a_build_are_told_apart() {
        let n = GenerationNumber(7);
        let table = [
            (Refusal::UnknownGeneration(n), Code::NotFound),
            (
                Refusal::AnotherInWork {
                    asked: n,
                    in_work: GenerationNumber(8),
                },
                Code::FailedPrecondition,
            ),
            (Refusal::NotEvaluated(n), Code::FailedPrecondition),
            (Refusal::AlreadyBuilding(n), Code::AlreadyExists),
            (Refusal::AlreadyBuilt(n), Code::AlreadyExists),
        ];
        let mut messages = std::collections::BTreeSet::new();
        for (refusal, code) in table {
            let status = from_refusal(&refusal);
            assert_eq!(status.code(), code, "{refusal:?}");
            assert!(status.metadata().get(HINT).is_some(), "{refusal:?}");
            messages.insert(status.message().to_owned());
        }
        assert_eq!(messages.len(), 5);
    }

    #[test]
    fn what_does_not_exist_is_not_found_and_an_agent_that_ends_is_unavailable() {
        let remote = FetchError::UnknownRemote {
            name: "gone".parse().unwrap(),
            known: "origin".into(),
        };
        assert_eq!(from_fetch(&remote).code(), Code::NotFound);
        assert_eq!(from_fetch(&FetchError::Stopped).code(), Code::Unavailable);
        let (name, known) = ("gone".to_owned(), "origin".to_owned());
        let table = [
            (ResolveError::NothingSelected, Code::FailedPrecondition),
            (
                ResolveError::UnknownRemote {
                    name: name.clone(),
                    known: known.clone(),
                },
                Code::NotFound,
            ),
            (
                ResolveError::UnknownBranch {
                    name: name.clone(),
                    known,
                },
                Code::NotFound,
            ),
            (
                ResolveError::UnknownRevision {
                    rev: name.clone(),
                    why: name,
                },
                Code::NotFound,
            ),
            (ResolveError::NoRemotes, Code::InvalidArgument),
            (ResolveError::Stopped, Code::Unavailable),
        ];
        for (error, code) in table {
            assert_eq!(from_resolve(&error).code(), code, "{error:?}");
        }
    }

    #[test]
    fn a_hint_with_control_characters_cannot_break_the_header() {
        let status = refuse(Code::Internal, "x", "a\nb\u{e9}");
        assert_eq!(status.metadata().get(HINT).unwrap(), "a?b?");
    }
}
