//! Which limit of a step is kept by what on this host: what `kiln doctor` and the
//! agent's log say.

use super::cgroup::{Place, Unusable, place, place_of};

/// How the limits of steps are kept.
#[derive(Debug)]
pub struct Kept {
    place: Result<Place, Unusable>,
}

/// For the steps of this very process.
pub fn kept() -> Kept {
    Kept { place: place() }
}

/// For the steps of another process, by its number.
pub fn kept_by(process: &str) -> Kept {
    Kept {
        place: place_of(process),
    }
}

impl Kept {
    /// Each limit with what keeps it.
    pub fn by_what(&self) -> &'static str {
        match self.place {
            Ok(_) => {
                "memory and processes by cgroup v2; outputs and scratch on disk by a watch every 100 ms; \
                 scratch in memory by its tmpfs; time, silence and log by the agent"
            }
            Err(_) => {
                "memory, outputs and scratch on disk by a watch every 100 ms; scratch in memory by its tmpfs; \
                 processes by rlimit; time, silence and log by the agent"
            }
        }
    }

    /// What is less than it could be, and why.
    pub fn shortfall(&self) -> Option<String> {
        const BETWEEN: &str = "between two looks a step may take more memory than it may";
        let why = self.place.as_ref().err()?;
        Some(format!("{why}: {BETWEEN}"))
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.by_what())?;
        match self.shortfall() {
            Some(shortfall) => write!(f, "; {shortfall}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_memory_and_what_is_missing_are_said_together() {
        let without = Kept {
            place: Err(Unusable::NoTree),
        };
        assert!(without.by_what().starts_with("memory, outputs"));
        assert!(
            without
                .shortfall()
                .is_some_and(|text| text.contains("no cgroup v2 tree"))
        );
        let with = Kept {
            place: Ok(Place {
                folder: "/sys/fs/cgroup/kiln".into(),
                agent: None,
                whole: true,
            }),
        };
        assert!(with.by_what().contains("cgroup v2"));
        assert_eq!(with.shortfall(), None);
    }
}
