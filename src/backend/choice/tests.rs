use super::*;
use crate::backend::{Sink, StepEvent};
use crate::model::{Commit, now};
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Signature};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Says what it was asked, and makes what is called after it.
struct Named {
    kind: BackendKind,
    asked: Mutex<Vec<String>>,
}

impl Named {
    fn new(kind: BackendKind) -> Arc<Self> {
        let asked = Mutex::default();
        Arc::new(Named { kind, asked })
    }

    fn note(&self, what: &str) {
        self.asked.lock().unwrap().push(what.to_owned());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Backend for Named {
    async fn kind(&self, _source: &Source) -> BackendKind {
        self.kind
    }
    async fn evaluate(&self, _request: EvaluateRequest) -> Result<EvaluationOutcome, BackendError> {
        self.note("evaluate");
        Ok(EvaluationOutcome::Succeeded(evaluated(self.kind)))
    }
    fn settings(&self) -> String {
        format!("settings of {}", self.kind)
    }
    async fn is_evaluated(
        &self,
        _: &Evaluated,
        _: &Path,
        _: &CancellationToken,
    ) -> Result<bool, BackendError> {
        self.note("is_evaluated");
        Ok(true)
    }
    async fn is_built(
        &self,
        _: &Evaluated,
        _: &HostName,
        _: &Path,
        _: &CancellationToken,
    ) -> Result<Option<Built>, BackendError> {
        self.note("is_built");
        Ok(None)
    }
    async fn graph(&self, _: &Evaluated) -> Result<DerivationGraph, BackendError> {
        self.note("graph");
        Ok(DerivationGraph::default())
    }
    async fn files(&self, _: &Evaluated) -> Result<Files, BackendError> {
        self.note("files");
        Ok(Files::new())
    }
    async fn build(&self, _request: BuildRequest) -> Result<BuildOutcome, BackendError> {
        self.note("build");
        Ok(BuildOutcome::Cancelled {
            steps: Steps::default(),
        })
    }
}

fn evaluated(kind: BackendKind) -> Evaluated {
    Evaluated {
        drv_path: format!("/{kind}/drv"),
        out_path: None,
        machine_id: None,
        secrets: Vec::new(),
        nix: None,
        record: None,
    }
}

fn made_natively(evaluated: &Evaluated) -> bool {
    evaluated.drv_path.starts_with("/native/")
}

fn made_by_nix(evaluated: &Evaluated) -> bool {
    evaluated.drv_path.starts_with("/nix")
}

struct Silent;

impl Sink for Silent {
    fn log(&self, _derivation: Option<&str>, _bytes: &[u8]) {}
    fn step(&self, _event: StepEvent) {}
}

/// A repository, and the choice between all three.
struct World {
    folder: tempfile::TempDir,
    native: Arc<Named>,
    flake: Arc<Named>,
    plain: Arc<Named>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Repository::init_bare(folder.path()).unwrap();
        World {
            folder,
            native: Named::new(BackendKind::Native),
            flake: Named::new(BackendKind::NixFlake),
            plain: Named::new(BackendKind::Nix),
        }
    }

    /// `nix`: it is installed.
    fn choice(&self, nix: bool) -> Choice {
        let missing = || Unavailable {
            message: "nix is not installed".into(),
            hint: "install it".into(),
        };
        let nix = |backend: &Arc<Named>| match nix {
            true => Ok(Arc::clone(backend) as Arc<dyn Backend>),
            false => Err(missing()),
        };
        let candidate = |kind, file: &str, backend, made| Candidate {
            kind,
            file: file.into(),
            backend,
            made,
        };
        let native: Arc<dyn Backend> = Arc::<Named>::clone(&self.native);
        Choice::new(vec![
            candidate(BackendKind::Native, "kiln.star", Ok(native), made_natively),
            candidate(
                BackendKind::NixFlake,
                "flake.nix",
                nix(&self.flake),
                made_by_nix,
            ),
            candidate(
                BackendKind::Nix,
                "sub/all.nix",
                nix(&self.plain),
                made_by_nix,
            ),
        ])
    }

    /// A commit with these files.
    fn source(&self, subdir: &str, files: &[&str]) -> Source {
        let repository = Repository::open(self.folder.path()).unwrap();
        let blob = repository.blob(b"x").unwrap();
        let empty = repository.treebuilder(None).unwrap().write().unwrap();
        let mut update = TreeUpdateBuilder::new();
        for file in files {
            update.upsert(*file, blob, FileMode::Blob);
        }
        let baseline = repository.find_tree(empty).unwrap();
        let tree = update.create_updated(&repository, &baseline).unwrap();
        let me = Signature::now("me", "me@example.org").unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let id = repository.commit(None, &me, &me, "c", &tree, &[]).unwrap();
        Source {
            repository: self.folder.path().to_owned(),
            commit: Commit {
                id: id.to_string().parse().unwrap(),
                tree: tree.id().to_string(),
                summary: "c".into(),
                author: "me".into(),
                time: now(),
                dirty: false,
            },
            subdir: subdir.into(),
        }
    }
}

fn request(source: Source) -> EvaluateRequest {
    EvaluateRequest {
        source,
        host: "web-1".parse().unwrap(),
        roots: PathBuf::from("/nowhere"),
        timeout: Duration::MAX,
        memory: Some(1 << 30),
        again: false,
        sink: Arc::new(Silent),
        cancel: CancellationToken::new(),
    }
}

#[tokio::test]
async fn f01_each_commit_is_evaluated_by_what_its_files_say() {
    let world = World::new();
    let choice = world.choice(true);
    for (subdir, files, kind) in [
        (
            ".",
            &["kiln.star", "flake.nix", "sub/all.nix"][..],
            BackendKind::Native,
        ),
        (".", &["flake.nix", "sub/all.nix"], BackendKind::NixFlake),
        (".", &["sub/all.nix", "x"], BackendKind::Nix),
        (
            "hosts/a",
            &["kiln.star", "hosts/a/flake.nix"],
            BackendKind::NixFlake,
        ),
        // A folder of that name is no file.
        (".", &["kiln.star/x", "flake.nix"], BackendKind::NixFlake),
    ] {
        let source = world.source(subdir, files);
        assert_eq!(choice.kind(&source).await, kind, "{files:?}");
        let outcome = choice.evaluate(request(source)).await.unwrap();
        let EvaluationOutcome::Succeeded(found) = outcome else {
            panic!("{files:?}: {outcome:?}");
        };
        assert_eq!(found, evaluated(kind));
        let of = [&world.native, &world.flake, &world.plain];
        for backend in of {
            let expected: &[&str] = if backend.kind == kind {
                &["evaluate"]
            } else {
                &[]
            };
            assert_eq!(backend.asked(), expected, "{files:?}");
        }
    }
}

#[tokio::test]
async fn f01_an_evaluation_goes_on_where_it_came_from() {
    let world = World::new();
    let (roots, host) = (Path::new("/nowhere"), "web-1".parse().unwrap());
    for nix in [true, false] {
        let choice = world.choice(nix);
        for kind in [BackendKind::Native, BackendKind::NixFlake] {
            let found = evaluated(kind);
            let cancel = CancellationToken::new();
            let built = choice.is_built(&found, &host, roots, &cancel).await;
            built.unwrap();
            let is_there = choice.is_evaluated(&found, roots, &cancel).await.unwrap();
            assert_eq!(is_there, nix || kind == BackendKind::Native);
        }
        let both = ["is_built", "is_evaluated"];
        assert_eq!(world.native.asked(), both);
        assert_eq!(world.flake.asked(), if nix { &both[..] } else { &[] });
    }
    assert_eq!(world.plain.asked(), [""; 0]);
}

#[tokio::test]
async fn f06_a_commit_that_needs_what_is_not_installed_fails_and_says_what_to_install() {
    let world = World::new();
    let choice = world.choice(false);
    let source = world.source(".", &["flake.nix"]);
    assert_eq!(choice.kind(&source).await, BackendKind::NixFlake);
    let outcome = choice.evaluate(request(source)).await.unwrap();
    let EvaluationOutcome::Failed(failure) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(failure.message, "nix is not installed");
    assert_eq!(failure.hint, "install it");
    assert!(failure.usage);
    // Once it is installed the same commit is tried again.
    assert_ne!(choice.settings(), world.choice(true).settings());
}

#[tokio::test]
async fn f01_a_commit_with_nothing_to_evaluate_fails_and_says_what_it_lacks() {
    let world = World::new();
    let choice = world.choice(true);
    let source = world.source("hosts", &["kiln.star"]);
    let outcome = choice.evaluate(request(source)).await.unwrap();
    let EvaluationOutcome::Failed(failure) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        failure.message,
        "there is nothing kiln can evaluate: this commit's hosts has no kiln.star and no \
         flake.nix and no sub/all.nix"
    );
}
