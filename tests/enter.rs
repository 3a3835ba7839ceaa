//! `kiln shell`'s mount of the store, with real namespaces, in a process of its own.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive programs, and say what went wrong by panicking"
)]

use kiln::backend::native::provider::enter::exec_with_store;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

const OBJECT: &str = "00000000000000000000000000000000-hello";

/// A store whose one object says hello; readable for everybody.
fn store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join(OBJECT);
    fs::write(&program, "#!/bin/sh\necho hello from $0\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Runs `argv` in the store's view, as an ordinary user when `uid` is given;
/// `before` runs in the child first.
fn enter(
    store: &Path,
    argv: &[&str],
    uid: Option<u32>,
    before: impl Fn() -> io::Result<()> + Send + Sync + 'static,
) -> Output {
    let store = store.to_owned();
    let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
    let mut command = Command::new("/bin/false");
    command.current_dir("/usr/bin");
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    // SAFETY: the child has one thread; what it allocates comes from an
    // allocator that stays usable after fork.
    unsafe {
        command.pre_exec(move || {
            // Lost by the change of user; a process that was started as that user has it.
            nix::sys::prctl::set_dumpable(true)?;
            before()?;
            let error = exec_with_store(&store, &argv).unwrap_err();
            let _ = writeln!(io::stderr(), "{error}"); // past the capture of the test harness
            libc::_exit(i32::from(error.exit_code()))
        });
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// As root: another uid. Otherwise: whoever runs the test.
fn ordinary() -> Option<u32> {
    nix::unistd::geteuid().is_root().then_some(61234)
}

/// `/var/lib` of this process only, with or without the place for the store.
fn private_var_lib(with_store: bool) -> io::Result<()> {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    let none: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(
        Some("t"),
        "/var/lib",
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=755"),
    )?;
    if with_store {
        fs::create_dir_all("/var/lib/kiln/store")?;
    }
    Ok(())
}

#[test]
fn s12_an_ordinary_user_sees_the_store_although_its_place_does_not_exist() {
    let store = store();
    let script = format!(
        "/var/lib/kiln/store/{OBJECT}; ls /var/lib/kiln/store; pwd; id -u; ls -d /etc/passwd /var/cache /usr/bin/id"
    );
    let output = enter(
        store.path(),
        &["/bin/sh", "-c", &script],
        ordinary(),
        || Ok(()),
    );
    let uid = ordinary().unwrap_or_else(|| nix::unistd::geteuid().as_raw());
    let expected = format!(
        "hello from /var/lib/kiln/store/{OBJECT}\n{OBJECT}\n/usr/bin\n{uid}\n/etc/passwd\n/usr/bin/id\n/var/cache\n"
    );
    assert_eq!(said(&output), expected);
}

#[test]
fn the_store_is_read_only_in_the_view_and_the_rest_of_the_host_is_not() {
    let store = store();
    let own = tempfile::tempdir().unwrap();
    fs::set_permissions(own.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let script = format!(
        "touch /var/lib/kiln/store/new 2>/dev/null || echo refused; touch {}/new; echo > /dev/null",
        own.path().display()
    );
    let output = enter(
        store.path(),
        &["/bin/sh", "-c", &script],
        ordinary(),
        || Ok(()),
    );
    assert_eq!(said(&output), "refused\n");
    assert!(own.path().join("new").exists());
}

#[test]
fn root_and_a_place_that_exists_need_one_bind_only() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not run: needs root");
        return;
    }
    let store = store();
    for with_store in [true, false] {
        let program = format!("/var/lib/kiln/store/{OBJECT}");
        let output = enter(store.path(), &[&program], None, move || {
            private_var_lib(with_store)
        });
        assert_eq!(said(&output), format!("hello from {program}\n"));
    }
}

#[test]
fn a_program_or_a_store_that_does_not_exist_is_named() {
    let store = store();
    let output = enter(store.path(), &["/no/such/program"], ordinary(), || Ok(()));
    assert_eq!(output.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/program"));
    let output = enter(
        Path::new("/no/such/store"),
        &["/bin/true"],
        ordinary(),
        || Ok(()),
    );
    assert_ne!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/store"));
}
