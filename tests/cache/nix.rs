//! Real `nix`, which knows nothing of kiln, reads and writes the same caches.

use crate::support::*;

/// Runs a script where the store folder is `nix`'s own, in a mount namespace
/// that ends with it. `None`, said on standard error, where that is impossible.
fn with_nix(home: &Home, script: &str) -> Option<Said> {
    let can = |program: &str| command(program).arg("--version").output().is_ok();
    let mut unshare = command("unshare");
    unshare.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    let head = format!(
        "set -eu; mount -t tmpfs none /var/lib; mkdir -p /var/lib/kiln/store; cd {home}\n\
         export HOME={home}/nix-home NIX_STORE_DIR=/var/lib/kiln/store NIX_STATE_DIR=/var/lib/state \
         NIX_LOG_DIR=/var/lib/log NIX_CONF_DIR={home}/conf NIX_REMOTE=local\n\
         nix() {{ command nix --extra-experimental-features nix-command \"$@\"; }}\n",
        home = home.folder.path().display()
    );
    let output = unshare
        .args(["sh", "-c", &format!("{head}{script}")])
        .output();
    let output = output.unwrap();
    if !can("nix") {
        eprintln!("SKIPPED: needs nix");
        return None;
    }
    Some(Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    })
}

#[test]
fn n06_nix_reads_the_cache_verifies_its_signatures_and_copies_a_closure_out_of_it() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    maker.push_signed(cache.to_str().unwrap());
    let (out, key) = (&maker.out_path, &maker.public);
    let url = format!("file://{}", cache.display());
    let script = format!(
        "nix path-info --store '{url}' --recursive --json {out} > info.json\n\
         nix store verify --store '{url}' --recursive --trusted-public-keys '{key}' --sigs-needed 1 {out}\n\
         nix copy --from '{url}' --trusted-public-keys '{key}' {out}\n\
         nix-store --verify --check-contents\n\
         nix-store --dump {out} > {out_nar}\n",
        out_nar = "out.nar"
    );
    let Some(said) = with_nix(&maker.home, &script) else {
        return;
    };
    said.ok();
    let info = std::fs::read_to_string(maker.home.path("info.json")).unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    assert!(info.as_array().unwrap().len() > 2, "{info:#}");
    let mut own = Vec::new();
    let real = Path::new(&maker.state())
        .join("store")
        .join(out.rsplit('/').next().unwrap());
    kiln::store::dump_nar(&real, &mut own).unwrap();
    assert!(own == std::fs::read(maker.home.path("out.nar")).unwrap());
    let untrusted = format!("nix copy --from '{url}' --trusted-public-keys '' {out}");
    let said = with_nix(&maker.home, &untrusted).unwrap();
    assert_ne!(said.code, Some(0));
    assert!(said.stderr.contains("lacks a valid signature"), "{said:?}");
}

#[test]
fn n06_kiln_reads_what_nix_signed_and_put_into_a_cache_and_nothing_unsigned_of_it() {
    let home = Home::new();
    home.kiln(&["store", "generate-key", "nix-1", "key"]).ok();
    let script = "
        printf 'from nix\\n' > file
        path=$(nix store add-path ./file --name from-nix)
        nix store sign -k key $path
        nix copy --to \"file://$PWD/cache\" $path
        nix copy --to \"file://$PWD/plain?compression=none\" $path
        nix-store --generate-binary-cache-key other-1 other other.pub
        echo $path";
    let Some(said) = with_nix(&home, script) else {
        return;
    };
    let path = said.ok().stdout.trim().to_owned();
    let key = home
        .kiln(&["store", "generate-key", "unused", "unused"])
        .ok();
    let state = home.path("state-b");
    std::fs::create_dir(&state).unwrap();
    let pull = |cache: &str, key: &str| {
        let state = state.to_str().unwrap();
        let line = [
            "store",
            "pull",
            cache,
            &path,
            "--trusted-key",
            key,
            "--state-dir",
            state,
        ];
        home.kiln(&line)
    };
    let refused = pull("cache", key.stdout.trim());
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("no trusted key signed it"),
        "{refused:?}"
    );
    let secret: kiln::store::cache::SecretKey = std::fs::read_to_string(home.path("key"))
        .unwrap()
        .parse()
        .unwrap();
    let public = secret.public().to_string();
    pull("cache", &public).ok();
    let name = path.rsplit('/').next().unwrap();
    let file = state.join("store").join(name);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "from nix\n");
    let state = home.path("state-c");
    std::fs::create_dir(&state).unwrap();
    let line = ["store", "pull", "plain", &path, "--trusted-key", &public];
    let line = [&line[..], &["--state-dir", state.to_str().unwrap()]].concat();
    home.kiln(&line).ok();
    // A key that nix made signs for kiln too.
    let other = std::fs::read_to_string(home.path("other")).unwrap();
    let other: kiln::store::cache::SecretKey = other.parse().unwrap();
    let public = std::fs::read_to_string(home.path("other.pub")).unwrap();
    assert_eq!(other.public().to_string(), public.trim());
}
