//! What Nix keeps of what it fetched.

use crate::common::command;
use crate::support::*;
use kiln::backend::nix::NixKind;
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
