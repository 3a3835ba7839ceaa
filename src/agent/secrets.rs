//! Where the secrets lie that the agent shows to others, so that no log does.

use crate::backend::native::download::passwords;
use crate::backend::redacted::ReadSecrets;
use crate::config::{Config, read_secret_file};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The files of the configuration in force.
#[derive(Clone, Default)]
pub(super) struct Secrets {
    files: Arc<Mutex<Files>>,
}

#[derive(Clone, Default)]
struct Files {
    /// Each is one secret.
    whole: Vec<PathBuf>,
    /// `[native] netrc_file`.
    netrc: Option<PathBuf>,
}

impl Secrets {
    pub fn new(config: &Config) -> Self {
        let secrets = Secrets::default();
        secrets.follow(config);
        secrets
    }

    /// Another configuration is in force.
    pub fn follow(&self, config: &Config) {
        let auth = config.remotes.iter().flat_map(|remote| &remote.auth);
        let files = Files {
            whole: auth.map(|auth| auth.token_file.clone()).collect(),
            netrc: config.native.netrc_file.clone(),
        };
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// Reads them as they are at each call.
    pub fn reader(&self) -> ReadSecrets {
        let files = Arc::clone(&self.files);
        Arc::new(move || {
            let files = files.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let netrc = files.netrc.and_then(read).map(|text| passwords(&text));
            let whole = files.whole.into_iter().filter_map(read);
            whole.chain(netrc.into_iter().flatten()).collect()
        })
    }
}

/// Who needs what cannot be read says so; here it only cannot be looked for.
fn read(path: PathBuf) -> Option<String> {
    let text = read_secret_file(&path);
    text.inspect_err(|error| tracing::debug!(%error, "a secret is not looked for in logs"))
        .ok()
}
