//! Folders in which something else lies than files, or that do not answer.

use crate::common::command;
use kiln::store::cache::{CacheError, Location, Transport, TransportOptions};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// With no patience at all: what is asked while something else is hangs.
fn cache(folder: &Path, silence: Duration) -> Transport {
    let options = TransportOptions {
        silence,
        ..TransportOptions::new(ureq::tls::RootCerts::WebPki)
    };
    Transport::new(&Location::Directory(folder.into()), options)
}

#[test]
fn a_pipe_a_socket_a_device_or_a_folder_in_a_cache_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let made = command("mkfifo").arg(place("pipe")).output().unwrap();
    assert!(made.status.success());
    let _socket = UnixListener::bind(place("socket")).unwrap();
    std::fs::create_dir(place("folder")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", place("device")).unwrap();
    let cache = cache(folder.path(), Duration::from_secs(20));
    for name in ["pipe", "socket", "folder", "device"] {
        let found = cache.text(name, 10);
        let error = found.expect_err(name).to_string();
        assert_eq!(error, format!("{} is no file", place(name).display()));
    }
    std::fs::write(place("file"), "text").unwrap();
    std::os::unix::fs::symlink("file", place("link")).unwrap();
    for name in ["file", "link"] {
        assert_eq!(cache.text(name, 10).unwrap().as_deref(), Some("text"));
    }
    assert!(cache.text("none", 10).unwrap().is_none());
}

/// A file system whose server never answers.
struct Hung<'a> {
    at: &'a Path,
    device: Option<File>,
}

impl Drop for Hung<'_> {
    fn drop(&mut self) {
        self.device = None; // what hangs fails
        let _ = umount2(self.at, MntFlags::MNT_DETACH);
    }
}

fn mount_that_hangs(at: &Path) -> Option<Hung<'_>> {
    let mut options = OpenOptions::new();
    let device = options.read(true).write(true).open("/dev/fuse").ok()?;
    let fd = device.as_raw_fd();
    let data = format!("fd={fd},rootmode=40000,user_id=0,group_id=0");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let made = mount(Some("kiln"), at, Some("fuse"), flags, Some(data.as_str()));
    let device = Some(device);
    made.is_ok().then_some(Hung { at, device })
}

#[test]
fn a_folder_that_hangs_keeps_one_thread_and_is_not_asked_again_until_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(hung) = mount_that_hangs(folder.path()) else {
        // Not kept by the test runner.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no FUSE here");
        return;
    };
    let cache = cache(folder.path(), Duration::ZERO);
    let (tell, told) = mpsc::channel();
    for _ in 0..2 {
        let (cache, tell) = (cache.clone(), tell.clone());
        std::thread::spawn(move || tell.send(cache.text("x", 10).unwrap_err()).unwrap());
    }
    // One of them hangs, the other hears of it.
    let second = told.recv().unwrap();
    assert!(matches!(second, CacheError::Hangs { .. }), "{second}");
    let says = format!("{} is still not answering", folder.path().display());
    for asked in [cache.text("y", 10).map(drop), cache.has("z").map(drop)] {
        let error = asked.unwrap_err().to_string();
        assert!(error.starts_with(&says), "{error}");
    }
    drop(hung);
    let first = told.recv().unwrap();
    assert!(matches!(first, CacheError::Io { .. }), "{first}");
    assert!(cache.text("x", 10).unwrap().is_none());
}
