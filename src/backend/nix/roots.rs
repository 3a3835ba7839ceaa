//! What is there, asked of Nix, and kept by roots that Nix knows: indirect ones,
//! links in the request's folder. They let go when retention removes the folder.

use super::NixConfig;
use super::expression::quoted;
use super::program::{NARINFO_ABSENT_TTL, Program, Ran, attempted};
use super::progress::Progress;
use crate::backend::{BackendError, Sink, StepEvent};
use crate::model::{Built, Evaluated};
use crate::process::End;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The root of the derivation.
const DERIVATION: &str = "derivation";
/// The root of the output; others of the same derivation are `result-<output>`.
const RESULT: &str = "result";
/// Questions take milliseconds, on a host in great need some seconds.
const PATIENCE: Duration = Duration::from_secs(300);
/// A Nix that was started early waits this long, and not longer: it shares a lock
/// on the store, which another that changes the store's format wants alone. What
/// takes longer does not notice the start of one more.
const HEAD_START: Duration = Duration::from_secs(2);

/// Nobody listens to questions.
pub(super) struct Unheard;

impl Sink for Unheard {
    fn log(&self, _: Option<&str>, _: &[u8]) {}
    fn step(&self, _: StepEvent) {}
}

/// Where what is said goes when nobody listens.
pub(super) fn unheard() -> Arc<dyn Sink> {
    Arc::new(Unheard)
}

/// A question's answer: how it ended, and what was said beside.
pub(super) struct Asked {
    pub ran: Ran,
    progress: Progress,
}

pub(super) async fn ask(
    program: Program,
    cancel: &CancellationToken,
) -> Result<Asked, BackendError> {
    let mut progress = Progress::of_build(unheard());
    let ran = program.timeout(PATIENCE);
    let ran = ran.run(cancel, |message| progress.hear(message)).await?;
    Ok(Asked { ran, progress })
}

impl Asked {
    /// Whether it went well; no: Nix said that something is not there.
    ///
    /// # Errors
    /// When Nix could not be asked, or says something else is wrong.
    pub fn is_there(&self, what: &str) -> Result<bool, BackendError> {
        match &self.ran.end {
            End::Exited(status) if status.success() => Ok(true),
            End::Exited(status) => {
                let text = self.progress.error_text().to_lowercase();
                let missing = [
                    "is not valid",
                    "does not exist",
                    "cannot build missing derivation",
                    "unable to start any build",
                    "is required to build",
                    // A path alone, which nothing may bring.
                    "build of '/",
                    "no substituter that can build it",
                ];
                match missing.iter().any(|words| text.contains(words)) {
                    true => Ok(false),
                    false => Err(self.broken(what, &format!("{status}"))),
                }
            }
            End::TimedOut => Err(self.broken(what, "it takes too long")),
            End::Silent | End::TooMuchOutput => Err(self.broken(what, "it says too much")),
            End::Cancelled => Err(self.broken(what, "it was cancelled")),
            End::Stuck { .. } => Err(self.broken(what, "it does not end")),
        }
    }

    fn broken(&self, what: &str, end: &str) -> BackendError {
        let text = match self.progress.error_text() {
            "" => self.progress.last_words(),
            text => text.to_owned(),
        };
        let said = std::io::Error::other(format!("{end}: {}", text.trim()));
        attempted(what, said)
    }
}

/// Roots the derivation; whether it is there.
///
/// # Errors
/// When Nix cannot be asked.
pub(super) async fn derivation(
    config: &NixConfig,
    drv: &str,
    roots: &Path,
    cancel: &CancellationToken,
) -> Result<bool, BackendError> {
    let program = keeping(config, roots).await?.args(["-E", &derived(drv)]);
    let asked = ask(program, cancel).await?;
    asked.is_there("keep the derivation")
}

/// What keeps a derivation that an expression leads to.
async fn keeping(config: &NixConfig, roots: &Path) -> Result<Program, BackendError> {
    make_folder(roots).await?;
    let link = text(&roots.join(DERIVATION))?;
    Ok(Program::new(config, "nix-instantiate")
        .args(["--indirect", "--add-root", &link])
        .option("substitute", "false")
        // It is kiln's own expression, and names a path.
        .option("pure-eval", "false")
        .option("restrict-eval", "false"))
}

/// An expression that leads to the derivation. `storePath` asks for validity: a
/// root alone may lead nowhere.
fn derived(drv: &str) -> String {
    format!(
        "{{ type = \"derivation\"; name = \"x\"; outputName = \"out\"; drvPath = builtins.storePath {}; }}",
        quoted(drv)
    )
}

/// Roots a derivation that may be `told` soon; whether that is done. Where it is
/// not, [`derivation`] does it or says why it cannot. Nix takes as long to start as
/// to evaluate something small, and starts meanwhile.
pub(super) async fn soon(
    config: &NixConfig,
    roots: &Path,
    told: oneshot::Receiver<String>,
    cancel: &CancellationToken,
) -> bool {
    let Ok((pipe, mut tell)) = std::io::pipe() else {
        return false;
    };
    let telling = async move {
        if let Ok(Ok(drv)) = tokio::time::timeout(HEAD_START, told).await {
            // Far less than a pipe holds: it waits for no reader.
            let _ = tell.write_all(derived(&drv).as_bytes()); // Nix says that it lacks something
        }
    };
    let asking = async {
        // Open here until the end, so that what is told early is not lost.
        let path = format!("/proc/{}/fd/{}", std::process::id(), pipe.as_raw_fd());
        let program = keeping(config, roots).await?.args(["-"]).stdin(path.into());
        ask(program, cancel).await
    };
    let (asked, ()) = tokio::join!(asking, telling);
    let kept = asked.and_then(|asked| asked.is_there("keep the derivation"));
    matches!(kept, Ok(true))
}

/// The result, rooted, when every output is there already.
///
/// # Errors
/// When Nix cannot be asked.
pub(super) async fn existing(
    config: &NixConfig,
    evaluated: &Evaluated,
    roots: &Path,
    cancel: &CancellationToken,
) -> Result<Option<Built>, BackendError> {
    if is_absent(config, evaluated).await {
        return Ok(None);
    }
    // With nothing that may build or bring it, it is there or it is not.
    let rooted = realise(config, evaluated, roots)
        .await?
        .option("substitute", "false")
        .option("max-jobs", "0")
        .option("builders", "");
    let asked = ask(rooted, cancel).await?;
    match asked.is_there("keep the result")? {
        true => built(config, evaluated, &asked.ran.answer).map(Some),
        false => Ok(None),
    }
}

/// What is not on the disk is not valid: nobody need be asked. What is there may
/// be anything.
async fn is_absent(config: &NixConfig, evaluated: &Evaluated) -> bool {
    let Some(path) = &evaluated.out_path else {
        return false;
    };
    let found = tokio::fs::symlink_metadata(config.real_path(path)).await;
    found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// What builds the derivation, or brings the result of a record, and roots its outputs.
///
/// # Errors
/// When the roots' folder cannot be made.
pub(super) async fn realise(
    config: &NixConfig,
    evaluated: &Evaluated,
    roots: &Path,
) -> Result<Program, BackendError> {
    make_folder(roots).await?;
    let link = text(&roots.join(RESULT))?;
    // What a record names is only brought: there is no derivation to build.
    let wanted = match (&evaluated.record, &evaluated.out_path) {
        (Some(_), Some(out_path)) => out_path,
        (Some(_), None) | (None, _) => &evaluated.drv_path,
    };
    let program = Program::new(config, "nix-store");
    Ok(program
        .args(["--realise", wanted, "--indirect", "--add-root", &link])
        // What a cache lacked a moment ago may have been published since.
        .option(NARINFO_ABSENT_TTL, "0"))
}

/// Reads back what was built: `links` are the roots, a line for each output. It is
/// the one that the evaluation named, else the first.
///
/// # Errors
/// When a link cannot be read.
pub(super) fn built(
    config: &NixConfig,
    evaluated: &Evaluated,
    links: &str,
) -> Result<Built, BackendError> {
    let mut outputs = Vec::new();
    for link in links.lines().filter(|line| line.starts_with('/')) {
        let target = std::fs::read_link(link);
        let target = target.map_err(|error| attempted(format!("read the link {link}"), error))?;
        outputs.push(target.to_string_lossy().into_owned());
    }
    let named = outputs
        .iter()
        .find(|path| evaluated.out_path.as_ref() == Some(path));
    let Some(out_path) = named.or(outputs.first()).cloned() else {
        let none = std::io::Error::other("nix-store names no output");
        return Err(attempted(
            format!("find the result of {}", evaluated.drv_path),
            none,
        ));
    };
    let real_path = config.real_path(&out_path);
    Ok(Built {
        out_path,
        real_path,
    })
}

impl NixConfig {
    /// Where a store path lies on this host: a store with a root of its own
    /// (`store = "/mnt"`) has the folder `/mnt/nix/store`.
    pub(super) fn real_path(&self, path: &str) -> PathBuf {
        let store = self.options.iter().rev().find(|(name, _)| name == "store");
        let root = store.and_then(|(_, store)| match store.strip_prefix("local?") {
            Some(query) => query.split('&').find_map(|pair| pair.strip_prefix("root=")),
            None => Some(store.as_str()),
        });
        match root.filter(|root| root.starts_with('/')) {
            Some(root) => PathBuf::from(format!("{}{path}", root.trim_end_matches('/'))),
            None => PathBuf::from(path),
        }
    }
}

/// A path that Nix can be told.
fn text(path: &Path) -> Result<String, BackendError> {
    match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => {
            let why = std::io::Error::other("its name is not UTF-8");
            Err(attempted(format!("use the folder {}", path.display()), why))
        }
    }
}

async fn make_folder(folder: &Path) -> Result<(), BackendError> {
    let made = tokio::fs::create_dir_all(folder).await;
    made.map_err(|error| attempted(format!("make the folder {}", folder.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::nix::NixKind;

    #[test]
    fn a_result_lies_where_the_store_has_its_root() {
        let real = |store: Option<&str>| {
            let mut config = NixConfig::new(NixKind::Flake, "/x".into());
            config.options = store
                .map(|store| ("store".into(), store.into()))
                .into_iter()
                .collect();
            config.real_path("/nix/store/x")
        };
        assert_eq!(real(None), Path::new("/nix/store/x"));
        assert_eq!(real(Some("/mnt/")), Path::new("/mnt/nix/store/x"));
        assert_eq!(
            real(Some("local?state=/s&root=/mnt")),
            Path::new("/mnt/nix/store/x")
        );
        for usual in ["auto", "daemon", "ssh://host"] {
            assert_eq!(real(Some(usual)), Path::new("/nix/store/x"));
        }
    }
}
