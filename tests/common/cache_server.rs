//! A folder behind HTTP: a binary cache that can be told to misbehave.

use crate::common::command;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// The server in front of a folder.
pub struct Server {
    child: Child,
    folder: PathBuf,
    pub url: String,
}

impl Server {
    pub fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut python = command("python3");
        python
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/cache/server.py"
            ))
            .arg(folder);
        let mut child = python.stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let url = format!("http://127.0.0.1:{}", port.trim());
        let folder = folder.to_owned();
        Server { child, folder, url }
    }

    /// See `server.py`.
    pub fn misbehave(&self, mode: &str) {
        std::fs::write(self.folder.join(".mode"), mode).unwrap();
    }

    pub fn behave(&self) {
        std::fs::remove_file(self.folder.join(".mode")).unwrap();
    }

    /// A line per request: method, path, authorization.
    #[allow(dead_code, reason = "not every test that has a server asks")]
    pub fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.join(".requests"));
        log.unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
