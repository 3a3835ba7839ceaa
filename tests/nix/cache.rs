//! What Nix keeps of what it fetched.

use crate::common::command;
use crate::support::*;
use kiln::backend::nix::NixKind;
use kiln::model::FailureKind;
use std::path::{Path, PathBuf};

fn repositories(world: &World) -> Vec<PathBuf> {
    let folder = world.path("home/cache/nix/gitv3");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_dir()).collect()
}

/// As if it had been made long ago.
fn age(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let mut touch = command("touch");
        touch.args(["-d", "2001-01-01"]).arg(entry.unwrap().path());
        assert!(touch.status().unwrap().success());
    }
}

#[tokio::test]
async fn f01_what_nix_fetched_long_ago_goes_once_nothing_is_evaluated() {
    if !has_nix() {
        return;
    }
    for kind in [NixKind::Flake, NixKind::Plain] {
        let world = World::new(kind);
        let commit = |text: &str| {
            let outputs = system("", &step("x", &format!("echo {text} > $out")));
            let file = format!("{{ {outputs} }}");
            world.repository.write("default.nix", &file);
            world.flake(&outputs)
        };
        world.evaluated(&commit("one")).await;
        let [kept] = &repositories(&world)[..] else {
            panic!("{:?}", repositories(&world));
        };
        // In use: it stays, however old it is.
        age(kept);
        let lock = std::fs::File::open(world.path("home/cache.lock")).unwrap();
        lock.lock_shared().unwrap();
        world.evaluated(&commit("two")).await;
        assert!(kept.exists(), "{:?}", repositories(&world));
        drop(lock);
        age(kept);
        // A crash left it.
        let left = world.path("home/cache/nix/removed-by-kiln-x");
        std::fs::create_dir(&left).unwrap();
        world.evaluated(&commit("three")).await;
        assert!(repositories(&world).is_empty());
        assert!(!left.exists());
        // Nix fetches it again, and what is new stays.
        world.evaluated(&commit("four")).await;
        world.evaluated(&commit("five")).await;
        assert_eq!(repositories(&world).len(), 1);
    }
}

/// Nix's database of what it fetched, whose version is in its name.
fn fetched(cache: &std::path::Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(cache.join("nix")).unwrap().flatten();
    let named = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("fetcher-cache-") && name.ends_with(".sqlite")
    };
    files.map(|file| file.path()).find(named).unwrap()
}

#[tokio::test]
async fn f06_a_damaged_cache_of_nix_is_put_away_and_made_anew() {
    if !has_nix() {
        return;
    }
    let world = World::new(NixKind::Flake);
    let commit = world.flake(&system("", &step("x", "echo x > $out")));
    let cache = world.path("home/cache");
    let evaluated = world.evaluated(&commit).await;
    let database = fetched(&cache);
    std::fs::write(&database, [0xa5_u8; 20_000]).unwrap();
    world.evaluated(&commit).await;
    assert!(world.heard.log_of(None).contains("Nix's cache is damaged"));
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, "a file").unwrap();
    let again = world.evaluated(&commit).await;
    assert_eq!(again.drv_path, evaluated.drv_path);
    let left = std::fs::read_dir(world.path("home")).unwrap().flatten();
    let is_left = |name: &String| name.starts_with("removed-by-kiln");
    let names = left.map(|entry| entry.file_name().into_string().unwrap());
    assert_eq!(names.filter(is_left).count(), 0);
    // While something else is evaluated it stays, and may pass.
    std::fs::write(&database, [0xa5_u8; 20_000]).unwrap();
    let lock = std::fs::File::open(world.path("home/cache.lock")).unwrap();
    lock.lock_shared().unwrap();
    let failure = world.failure(&commit).await;
    assert_eq!(failure.kind, FailureKind::Transient, "{failure:?}");
    assert!(failure.hint.contains("nix/cache"), "{failure:?}");
    drop(lock);
    world.evaluated(&commit).await;
}
