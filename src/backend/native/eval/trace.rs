//! Where the evaluation is: the statement being run in every call. The
//! evaluator's own errors lack it for loops, and an evaluation ended by the
//! clock or for want of memory has no error at all.

use starlark::codemap::{FileSpan, FileSpanRef};
use starlark::eval::{BeforeStmtFunc, BeforeStmtFuncDyn, Evaluator};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// How often a reader looks whether the writer, which holds the lock for a
/// moment, is done; it never is when the reader interrupted it.
const TRIES: usize = 1000;

/// Written by the evaluating thread before each statement, read by whoever
/// ends the evaluation.
#[derive(Default)]
pub struct Trace(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    /// Calls that belong to the files which load the present one.
    base: usize,
    /// By depth; `None` for a call of a built-in.
    statements: Vec<Option<FileSpan>>,
}

impl Trace {
    /// Lets the trace follow an evaluator; before it compiles anything.
    pub fn follow(self: &Arc<Self>, eval: &mut Evaluator<'_, '_, '_>) {
        let recorder = Box::new(Recorder(self.clone()));
        eval.before_stmt_for_dap(BeforeStmtFunc::from_dyn(recorder));
    }

    /// A file is being loaded: its calls count from here. Returns what
    /// [`Trace::leave`] takes.
    pub fn enter(&self) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let depth = calls.statements.len();
        std::mem::replace(&mut calls.base, depth)
    }

    /// The file has been loaded.
    pub fn leave(&self, base: usize) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let depth = calls.base;
        calls.statements.truncate(depth);
        calls.base = base;
    }

    /// The statements being run, innermost first; none when the evaluating
    /// thread itself was interrupted while it wrote.
    pub fn statements(&self) -> Vec<FileSpan> {
        for _ in 0..TRIES {
            let calls = match self.0.try_lock() {
                Ok(calls) => calls,
                Err(TryLockError::Poisoned(calls)) => calls.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
            };
            return calls.statements.iter().rev().flatten().cloned().collect();
        }
        Vec::new()
    }
}

struct Recorder(Arc<Trace>);

impl<'e> BeforeStmtFuncDyn<'e> for Recorder {
    fn call<'v>(
        &mut self,
        span: FileSpanRef,
        _continued: bool,
        eval: &mut Evaluator<'v, '_, 'e>,
    ) -> starlark::Result<()> {
        let mut calls = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let depth = calls.base + eval.call_stack_count();
        calls.statements.resize(depth + 1, None);
        calls.statements[depth] = Some(span.to_file_span());
        Ok(())
    }
}
