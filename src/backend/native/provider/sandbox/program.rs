//! The step's program, with all that `execve` is given: made where it is freed again.

use super::spec::{Attempt, STORE, SetupError, Spec};
use nix::errno::Errno;
use std::convert::Infallible;
use std::ffi::{CString, c_char};
use std::io;
use std::ptr::null;

/// Arguments and environment, as the kernel reads them.
pub(super) struct Program {
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    /// What both point to.
    _texts: Vec<CString>,
}

impl Program {
    /// # Errors
    /// When the command is empty, or a text has a NUL in it.
    pub fn of(spec: &Spec) -> Result<Self, SetupError> {
        if spec.argv.is_empty() {
            let nothing = io::Error::from(io::ErrorKind::InvalidInput);
            return Err(nothing).attempt(|| "run an empty command".into());
        }
        let env = spec.env.iter();
        let env = env.map(|(name, value)| format!("{name}={value}"));
        let texts = spec.argv.iter().cloned().chain(env);
        let texts = texts
            .map(|text| CString::new(text).attempt(|| format!("run a step of {STORE}")))
            .collect::<Result<Vec<_>, _>>()?;
        // A text stays where it is when its owner is moved.
        let (argv, env) = texts.split_at(spec.argv.len());
        Ok(Program {
            argv: ended(argv),
            env: ended(env),
            _texts: texts,
        })
    }

    /// Becomes it; takes no memory.
    ///
    /// # Errors
    /// As execve(2).
    pub fn begin(&self) -> nix::Result<Infallible> {
        // SAFETY: both arrays end with a null, and what they point to is there.
        unsafe { libc::execve(self.argv[0], self.argv.as_ptr(), self.env.as_ptr()) };
        Err(Errno::last())
    }
}

fn ended(texts: &[CString]) -> Vec<*const c_char> {
    let pointers = texts.iter().map(|text| text.as_ptr());
    pointers.chain([null()]).collect()
}
