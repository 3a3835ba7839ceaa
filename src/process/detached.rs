//! Programs that outlive the agent: a hook and the runner that watches over it.
//! They are no children of the agent's for longer than it takes to start them,
//! share neither its process group nor its session, and have no lifeline.

use nix::unistd::{Gid, Uid};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Starts `kiln internal NAME FOLDER`, which is to fork at once and go on as
/// the child, in a session of its own. `stdin` is handed over: a lock on it is
/// held without a gap. Returns once the first process is gone. Blocking.
///
/// # Errors
/// When it cannot be started, or could not fork.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that starts programs"
)]
pub fn detach(name: &str, folder: &Path, stdin: File) -> io::Result<()> {
    let mut command = Command::new(super::program()?);
    command
        .args(["internal", name])
        .arg(folder)
        .env_clear()
        .current_dir("/");
    command
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.process_group(0).spawn()?.wait()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("kiln internal {name}: {status}"))),
    }
}

/// Who a program runs as.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub uid: Uid,
    pub gid: Gid,
    /// Supplementary groups, of `gid` too.
    pub groups: Vec<Gid>,
}

/// A program of the host's owner.
#[derive(Debug)]
pub struct Owned {
    /// What is run; `argv[0]` may be another name of it.
    pub program: PathBuf,
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    pub input: File,
    /// Gets standard output and standard error.
    pub output: File,
    /// `None`: as this process.
    pub user: Option<Credentials>,
}

impl Owned {
    /// Starts it in `/`, in a session of its own, and answers with its process
    /// id, which the caller must reap. It is killed when the calling thread ends.
    ///
    /// # Errors
    /// When it cannot be started, or may not run as that user.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that starts programs"
    )]
    pub fn start(self) -> io::Result<u32> {
        let mut command = Command::new(&self.program);
        let mut argv = self.argv.into_iter();
        command
            .arg0(argv.next().unwrap_or_default())
            .args(argv)
            .env_clear()
            .envs(self.env)
            .current_dir("/");
        let errors = self.output.try_clone()?;
        command.stdin(self.input).stdout(self.output).stderr(errors);
        let user = self.user;
        // SAFETY: between fork and exec only system calls are made, on values
        // that were made before; nothing is allocated.
        unsafe {
            command.pre_exec(move || {
                nix::unistd::setsid()?;
                if let Some(user) = &user {
                    nix::unistd::setgroups(&user.groups)?;
                    nix::unistd::setgid(user.gid)?;
                    nix::unistd::setuid(user.uid)?;
                }
                // After the user changed, which would reset it.
                match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                    0 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            });
        }
        Ok(command.spawn()?.id())
    }
}
