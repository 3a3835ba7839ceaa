//! A program of kiln's own that outlives it for a moment: it clears after kiln,
//! however that ends.

use super::program;
use std::io::{self, PipeWriter, Write};
use std::process::Stdio;
use tokio::process::Command;

/// Lives as long as this; then the guard's standard input ends.
#[derive(Debug)]
pub struct Guard(PipeWriter);

impl Guard {
    /// Starts `kiln internal NAME`. Call it where the runtime is known, which reaps it.
    ///
    /// # Errors
    /// When it cannot be started.
    #[expect(
        clippy::disallowed_methods,
        reason = "as the module above: this is the place that starts programs"
    )]
    pub fn start(name: &str) -> io::Result<Self> {
        let (input, ours) = io::pipe()?;
        let mut command = Command::new(program()?);
        command
            .args(["internal", name])
            .env_clear()
            .current_dir("/");
        command.stdin(Stdio::from(input));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // Not killed but left: it ends by its standard input.
        command.process_group(0).spawn().map(drop)?;
        Ok(Guard(ours))
    }

    /// Nothing is left to clear: tells it so by one byte.
    pub fn dismiss(&mut self) {
        let _ = self.0.write(b"."); // it is gone: that is what we want
    }
}
