//! Text for people: pure functions from the wire's messages. Whatever a
//! repository or a step may have written is stripped of control characters.

pub mod check;
pub mod diff;
mod event;
mod generation;
pub mod graph;
mod remote;
mod status;
mod text;

pub use event::{event, step_line};
pub use generation::{blocked_line, failure, failure_of, generation, hook_failure, line, outcome};
pub use remote::remotes;
pub use status::{oneline, status};
pub use text::{TerminalFilter, between, clock, first_line, lasting, plain, short};

use super::error::Problem;
use text::{BOLD, RED, paint};

/// Why a command failed: message, the failure behind it, what to do.
pub fn problem(problem: &Problem, color: bool) -> String {
    let mut text = format!(
        "{} {}",
        paint("error:", RED, color),
        plain(&problem.message)
    );
    if let Some(why) = &problem.failure {
        text.push('\n');
        text.push_str(failure(why).trim_end());
    }
    if !problem.hint.is_empty() {
        text.push_str(&format!(
            "\n{} {}",
            paint("hint:", BOLD, color),
            plain(&problem.hint)
        ));
    }
    text
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod waiting_tests;
