//! What the child still says when a limit ends it between two instructions of
//! the evaluator: the answer, with the place, instead of nothing.

use super::child::{self, Answer};
use super::trace::Trace;
use super::{EvalRequest, Refusal, diagnose, out_of_time};
use crate::allocator;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Address space beyond the limit, for telling that the limit was reached.
pub const RESERVE: u64 = 32 << 20;

/// One answer only, whoever gives it.
static ANSWERED: AtomicBool = AtomicBool::new(false);
/// The evaluation of this process.
static TRACE: OnceLock<Arc<Trace>> = OnceLock::new();

/// Whether the caller is the one to answer.
pub fn may_answer() -> bool {
    !ANSWERED.swap(true, Ordering::SeqCst)
}

/// From now on, memory that is refused and time that runs out are answered for.
pub fn prepare(request: &EvalRequest, trace: &Arc<Trace>) -> std::io::Result<()> {
    let _ = TRACE.set(trace.clone());
    // What a panic says is in the answer; as text it would be in the log.
    std::panic::set_hook(Box::new(|_| ()));
    allocator::on_failure(out_of_memory);
    let (request, trace) = (request.clone(), trace.clone());
    let watch = move || watch(&request, &trace);
    let thread = std::thread::Builder::new().name("watch".into());
    thread.stack_size(256 << 10).spawn(watch).map(drop)
}

/// Answers a little before the parent loses its patience.
fn watch(request: &EvalRequest, trace: &Trace) {
    let margin = (request.timeout / 10).min(Duration::from_secs(1));
    let Some(due) = Instant::now().checked_add(request.timeout.saturating_sub(margin)) else {
        return; // a time beyond what the clock can count to is no limit
    };
    while let Some(left) = due.checked_duration_since(Instant::now())
        && !left.is_zero()
    {
        std::thread::park_timeout(left);
    }
    if may_answer() {
        end(Answer::TimedOut(diagnose::placed(
            out_of_time(request),
            trace,
        )));
    }
}

fn out_of_memory() {
    // A second time: the answer itself was too large, and the parent must do.
    if !may_answer() {
        return;
    }
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_AS) {
        let _ = setrlimit(Resource::RLIMIT_AS, hard, hard); // without it, it may do still
    }
    let trace = TRACE.get().cloned().unwrap_or_default();
    let failure = diagnose::out_of_memory(&trace);
    end(Answer::Refused(Refusal::from(failure)));
}

/// Without unwinding or waiting for the other threads.
fn end(answer: Answer) -> ! {
    let code = i32::from(child::write(&answer.into()).is_err());
    // SAFETY: ends the process; nothing is left to be flushed.
    unsafe { libc::_exit(code) }
}
