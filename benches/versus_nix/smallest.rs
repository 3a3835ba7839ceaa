//! The smallest program there is (`smallest.c`): what a step costs beside what it runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Nothing in it but code: a few hundred bytes.
const OPTIONS: [&str; 9] = [
    "-O2",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-asynchronous-unwind-tables",
    "-fno-stack-protector",
    "-Wl,--build-id=none",
    "-Wl,-z,noseparate-code",
    "-s",
];

/// Where it lies; compiled when first asked for.
///
/// # Errors
/// What the compiler said, or that there is none.
pub fn program() -> Result<&'static Path, &'static str> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PROGRAM.get_or_init(compile) {
        Ok(path) => Ok(path),
        Err(why) => Err(why),
    }
}

fn compile() -> Result<PathBuf, String> {
    let folder = super::place();
    let (source, program) = (folder.join("smallest.c"), folder.join("program"));
    std::fs::write(&source, include_str!("smallest.c")).map_err(|e| e.to_string())?;
    let mut cc = Command::new("cc");
    let compiled = cc
        .args(OPTIONS)
        .arg("-o")
        .args([&program, &source])
        .output();
    let compiled = compiled.map_err(|e| format!("cc: {e}"))?;
    match compiled.status.success() {
        true => Ok(program),
        false => Err(String::from_utf8_lossy(&compiled.stderr).into_owned()),
    }
}
