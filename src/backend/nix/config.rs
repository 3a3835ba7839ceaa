//! What stays the same as long as the agent runs.

use super::Attribute;
use crate::model::BackendKind;
use std::path::PathBuf;
use std::time::Duration;

/// How the Nix backend is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NixConfig {
    pub kind: NixKind,
    /// What is built for a host.
    pub attribute: Attribute,
    /// The file of [`NixKind::Plain`], in the repository's subdirectory.
    pub file: String,
    /// Settings of Nix, by name, handed to every Nix that is started.
    pub options: Vec<(String, String)>,
    /// Remote builders, one each, as Nix writes them; none: as Nix is set up.
    pub builders: Vec<String>,
    /// URLs of binary caches beside those Nix is set up with.
    pub substituters: Vec<String>,
    /// Keys that sign what these caches hold, `name:base64`.
    pub trusted_public_keys: Vec<String>,
    /// What a flake's `nixConfig` asks for is done.
    pub accept_flake_config: bool,
    /// Builds at a time; `None`: as Nix is set up.
    pub jobs: Option<u32>,
    /// Submodules are part of a commit's files; Nix fetches them.
    pub submodules: bool,
    /// Where Nix keeps its caches; made when it is missing, private.
    pub home: PathBuf,
    /// What Nix fetched longer ago than this is removed from its caches.
    pub cache_age: Duration,
    /// Folders where `nix`, `git` and `ssh` are looked for, `:` between them.
    pub search_path: String,
    /// Variables each program of Nix gets beside those it always has: how the
    /// network is reached, and whose settings count.
    pub environment: Vec<(String, String)>,
    /// Bytes of one step's log that are kept.
    pub log_size: u64,
}

/// What a repository is to Nix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NixKind {
    /// A flake: `flake.nix`.
    Flake,
    /// A file that is imported: `default.nix`.
    Plain,
}

impl NixKind {
    /// The backend it is to everybody else.
    pub fn of_backend(self) -> BackendKind {
        match self {
            NixKind::Flake => BackendKind::NixFlake,
            NixKind::Plain => BackendKind::Nix,
        }
    }
}

/// As long as generations are kept where nobody says.
const CACHE_AGE: Duration = Duration::from_secs(90 * 24 * 3600);

/// Where Nix is found on the systems kiln runs on.
pub const SEARCH_PATH: &str = "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:\
    /root/.nix-profile/bin:/usr/local/bin:/usr/bin:/bin";

/// The folder of store paths, unless a store of its own is set up for another.
const STORE_FOLDER: &str = "/nix/store";

impl NixConfig {
    /// The folder that store paths are written with: `store = "local?store=/x/store"`
    /// names another.
    pub(super) fn store_folder(&self) -> &str {
        self.in_store("store=").unwrap_or(STORE_FOLDER)
    }

    /// What the `store` option says behind this, `root=` for one.
    fn in_store(&self, parameter: &str) -> Option<&str> {
        let store = self.options.iter().rev().find(|(name, _)| name == "store");
        let (_, query) = store?.1.split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(parameter))
    }

    /// Everything as Nix itself is set up.
    pub fn new(kind: NixKind, home: PathBuf) -> Self {
        NixConfig {
            kind,
            attribute: Attribute::default(),
            file: "default.nix".into(),
            options: Vec::new(),
            builders: Vec::new(),
            substituters: Vec::new(),
            trusted_public_keys: Vec::new(),
            accept_flake_config: false,
            jobs: None,
            submodules: false,
            home,
            cache_age: CACHE_AGE,
            search_path: SEARCH_PATH.into(),
            environment: Vec::new(),
            log_size: 64 << 20,
        }
    }
}
