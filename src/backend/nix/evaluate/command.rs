//! How Nix is called to evaluate: what is asked of which commit, and with what limits.

use super::Evaluation;
use crate::backend::BackendError;
use crate::backend::nix::NixKind;
use crate::backend::nix::attribute::shown;
use crate::backend::nix::expression::{self, Question};
use crate::backend::nix::program::Program;
use crate::backend::nix::reference::{Reference, file_url, own_uris, percent};

/// Bytes of address space where nobody says: a NixOS configuration takes 1 to
/// 4 GiB of memory.
const EVAL_MEMORY: u64 = 8 << 30;

impl Evaluation<'_> {
    pub(super) fn program(
        &self,
        reference: &Reference,
        question: Question,
        names: &[String],
    ) -> Result<Program, BackendError> {
        let (config, request) = (self.config, &self.request);
        let url = file_url(&request.source.repository)?;
        let program = match config.kind {
            NixKind::Flake => self.of_flake(&url, reference, question, names),
            NixKind::Plain => self.of_file(&url, reference, question, names),
        };
        Ok(program
            .option("show-trace", "true")
            .timeout(request.timeout)
            .memory(self.memory())
            .output_limit(config.log_size))
    }

    fn of_flake(
        &self,
        url: &str,
        reference: &Reference,
        question: Question,
        names: &[String],
    ) -> Program {
        let source = &self.request.source;
        let mut flake = format!("git+{url}?ref={}&rev={}", reference.name, reference.rev);
        if source.subdir != "." {
            flake.push_str(&format!("&dir={}", percent(&source.subdir)));
        }
        if self.config.submodules {
            flake.push_str("&submodules=1");
        }
        let first = names.first().map_or("", String::as_str);
        flake.push_str(&format!("#{}", percent(&shown(first))));
        let mut program = Program::new(self.config, "nix")
            .args(["eval", "--json", "--no-write-lock-file", &flake])
            .args(["--apply", &expression::of_flake(question, names)]);
        if self.config.accept_flake_config {
            program = program.args(["--accept-flake-config"]);
        }
        program
    }

    fn of_file(
        &self,
        url: &str,
        reference: &Reference,
        question: Question,
        names: &[String],
    ) -> Program {
        let commit = expression::Commit {
            url,
            reference: &reference.name,
            rev: &reference.rev,
            submodules: self.config.submodules,
        };
        let file = match self.request.source.subdir.as_str() {
            "." => self.config.file.clone(),
            subdir => format!("{subdir}/{}", self.config.file),
        };
        let allowed = self.config.options.iter().rev();
        let allowed = allowed.filter(|(name, _)| name == "allowed-uris");
        let allowed = allowed
            .map(|(_, uris)| uris.as_str())
            .next()
            .unwrap_or_default();
        let expression = expression::of_file(&commit, &file, question, names);
        Program::new(self.config, "nix-instantiate")
            .args(["--eval", "--strict", "--json", "--read-write-mode"])
            .args(["-E", &expression])
            .option("restrict-eval", "true")
            .option(
                "allowed-uris",
                &format!("{} {allowed}", own_uris(url, reference)),
            )
    }

    /// Bytes of address space.
    pub(super) fn memory(&self) -> u64 {
        self.request.memory.unwrap_or(EVAL_MEMORY)
    }
}
