//! Caches that are damaged, hostile or in trouble.

use crate::support::*;
use kiln::store::cache::{CacheConfig, Caches, Limits, Session, TransportOptions, Wanted};
use kiln::store::{RealisationKey, Store};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The key of the realisation that says what this path is the `out` of.
fn key_of(cache: &Path, path: &str) -> RealisationKey {
    let base = path.rsplit('/').next().unwrap();
    let is_of = |file: &PathBuf| std::fs::read_to_string(file).unwrap().contains(base);
    let file = files(cache, "!out.doi").into_iter().find(is_of).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let hex = name
        .strip_prefix("sha256:")
        .unwrap()
        .split('!')
        .next()
        .unwrap();
    RealisationKey(kiln::store::encoding::from_hex(hex).unwrap())
}

struct Asked {
    home: Home,
    store: Store,
    session: Session,
}

fn ask(location: &str, public: &str) -> Asked {
    ask_patiently(location, public, Duration::from_millis(300))
}

fn ask_patiently(location: &str, public: &str, silence: Duration) -> Asked {
    let home = Home::new();
    let store = Store::open(&home.path("store")).unwrap();
    let options = TransportOptions {
        silence,
        ..TransportOptions::new(ureq::tls::RootCerts::WebPki)
    };
    let caches = Caches {
        list: vec![CacheConfig {
            location: location.parse().unwrap(),
            keys: vec![public.parse().unwrap()],
        }],
        options,
        limits: Limits { object: 1 << 30 },
    };
    let session = caches.session(&store);
    Asked {
        home,
        store,
        session,
    }
}

impl Asked {
    fn find(&self, key: RealisationKey) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let found = runtime.block_on(self.session.find(wanted(key), &CancellationToken::new()));
        runtime.shutdown_background();
        Some(found?.get("out").unwrap().to_string())
    }

    fn trouble(&self) -> String {
        self.session.trouble().unwrap_or_default()
    }
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= 0x01;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_bit_flipped_anywhere_in_a_cache_is_refused_or_changes_nothing() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    let location = cache.to_str().unwrap();
    maker.push_signed(location);
    let key = key_of(&cache, &maker.out_path);
    let good = ask(location, &maker.public);
    assert_eq!(
        good.find(key).as_deref(),
        Some(maker.out_path.as_str()),
        "{}",
        good.trouble()
    );
    let (mut refused, mut tried) = (0, 0);
    for end in [".nar.zst", ".narinfo", "!out.doi"] {
        for file in files(&cache, end) {
            let kept = std::fs::read(&file).unwrap();
            for at in 0..8 {
                flip(&file, at * kept.len() / 8 + at);
                let asked = ask(location, &maker.public);
                tried += 1;
                match asked.find(key) {
                    None => refused += 1,
                    Some(found) => {
                        assert_eq!(found, maker.out_path, "{} {at}", file.display());
                        whole(&good.store, &asked);
                    }
                }
                std::fs::write(&file, &kept).unwrap();
            }
        }
    }
    assert!(refused > tried / 4, "{refused} of {tried} were seen");
}

/// Every object that came is what the good cache has.
fn whole(good: &Store, asked: &Asked) {
    for entry in std::fs::read_dir(asked.home.path("store"))
        .unwrap()
        .flatten()
    {
        let name = entry.file_name();
        if name == ".kiln" {
            continue;
        }
        let nar = |path: &Path| {
            let mut nar = Vec::new();
            kiln::store::dump_nar(path, &mut nar).unwrap();
            nar
        };
        assert!(
            nar(&entry.path()) == nar(&good.dir().join(&name)),
            "{name:?}"
        );
    }
    assert!(asked.store.dir().exists());
}

#[test]
fn each_kind_of_damage_is_named_and_the_host_builds_the_same_itself() {
    let maker = Maker::new();
    type Damage<'a> = &'a dyn Fn(&Path);
    let kinds: [(&str, Damage<'_>, &str); 6] = [
        ("nar", &|file| flip(file, 40), "nar"),
        (
            "size",
            &|file| replace(file, "NarSize: ", "NarSize: 1"),
            "nar",
        ),
        (
            "gone",
            &|file| std::fs::remove_file(file).unwrap(),
            "is not in the cache",
        ),
        ("cut", &|file| truncate(file), "cut off"),
        (
            "claim",
            &|file| replace(file, "\"outPath\":\"", "\"outPath\":\"0"),
            ".doi",
        ),
        (
            "signature",
            &|file| replace(file, "cache-1:", "cache-2:"),
            "not signed by a trusted key",
        ),
    ];
    for (kind, damage, said) in kinds {
        let home = Home::new();
        let cache = home.path("cache");
        maker.push_signed(cache.to_str().unwrap());
        let end = match kind {
            "nar" => ".nar.zst",
            "claim" | "signature" => "!out.doi",
            _ => ".narinfo",
        };
        files(&cache, end).iter().for_each(|file| damage(file));
        let server = Server::start(&cache);
        let config = asking(
            &home,
            &maker.repository,
            &server.url,
            &maker.public,
            "allow",
        );
        let agent = Agent::configured(&home, &config);
        let generation = agent.built(1);
        let build = &generation["build"];
        assert_eq!(
            build["status"], "BUILD_STATUS_SUCCEEDED",
            "{kind}: {generation:#}"
        );
        assert_eq!(build["outPath"], maker.out_path.as_str(), "{kind}");
        assert_eq!(
            build["steps"]["reused"], 0,
            "{kind}: nothing of it was taken"
        );
        let log = std::fs::read_to_string(home.path("agent.log")).unwrap();
        assert!(log.contains(said), "{kind}: {log}");
    }
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace(from, to)).unwrap();
}

fn truncate(file: &Path) {
    let text = std::fs::read(file).unwrap();
    std::fs::write(file, &text[..text.len() - 1]).unwrap();
}

#[test]
fn a_cache_in_trouble_is_given_up_and_is_no_reason_to_fail() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    maker.push_signed(cache.to_str().unwrap());
    let key = key_of(&cache, &maker.out_path);
    let server = Server::start(&cache);
    for (mode, said) in [
        ("503", "answered 503"),
        ("silent", "not used in this build"),
        ("endless", "nar"),
        ("404", "is no binary cache"),
    ] {
        server.misbehave(mode);
        let asked = ask(&server.url, &maker.public);
        assert_eq!(asked.find(key), None, "{mode}");
        assert!(
            asked.trouble().contains(said),
            "{mode}: {}",
            asked.trouble()
        );
        let before = server.requests().len();
        assert_eq!(asked.find(key), None, "{mode}");
        assert_eq!(
            server.requests().len(),
            before,
            "{mode}: a second look asks nobody"
        );
    }
    server.behave();
    let asked = ask(&server.url, &maker.public);
    assert_eq!(asked.find(key).as_deref(), Some(maker.out_path.as_str()));
    drop(server);
    let refused = ask("http://127.0.0.1:9", &maker.public);
    assert_eq!(refused.find(key), None);
}

#[test]
fn an_object_nobody_signed_is_taken_by_its_content_and_a_result_never_is() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    maker.push_signed(cache.to_str().unwrap());
    let key = key_of(&cache, &maker.out_path);
    for info in files(&cache, ".narinfo") {
        let text = std::fs::read_to_string(&info).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("Sig: "));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        std::fs::write(&info, text).unwrap();
    }
    let asked = ask(cache.to_str().unwrap(), &maker.public);
    assert_eq!(
        asked.find(key).as_deref(),
        Some(maker.out_path.as_str()),
        "{}",
        asked.trouble()
    );
    let other = "other-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let asked = ask(cache.to_str().unwrap(), other);
    assert_eq!(asked.find(key), None);
    assert!(asked.trouble().contains("not signed by a trusted key"));
    // Another reference than its content has: the path does not follow from it.
    for info in files(&cache, ".narinfo") {
        replace(
            &info,
            "References: ",
            "References: 00000000000000000000000000000000-x ",
        );
    }
    let asked = ask(cache.to_str().unwrap(), &maker.public);
    assert_eq!(asked.find(key), None);
}

#[test]
fn a_result_changed_to_another_good_object_is_not_taken_for_its_old_signature() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    maker.push_signed(cache.to_str().unwrap());
    let key = key_of(&cache, &maker.out_path);
    let own = maker.out_path.rsplit('/').next().unwrap();
    let others = files(&cache, ".narinfo").into_iter().filter_map(|info| {
        let text = std::fs::read_to_string(info).unwrap();
        let path = text
            .lines()
            .find_map(|line| line.strip_prefix("StorePath: "))?;
        Some(path.rsplit('/').next()?.to_owned())
    });
    let other = others.into_iter().find(|other| other != own).unwrap();
    let is_of = |file: &&PathBuf| std::fs::read_to_string(file).unwrap().contains(own);
    let realisations = files(&cache, "!out.doi");
    for file in realisations.iter().filter(is_of) {
        replace(file, own, &other);
    }
    let asked = ask(cache.to_str().unwrap(), &maker.public);
    assert_eq!(asked.find(key), None);
    assert!(
        asked.trouble().contains("not signed by a trusted key"),
        "{}",
        asked.trouble()
    );
}

#[test]
fn what_is_asked_for_is_given_up_at_once_when_the_build_is_cancelled() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    maker.push_signed(cache.to_str().unwrap());
    let key = key_of(&cache, &maker.out_path);
    let server = Server::start(&cache);
    server.misbehave("silent");
    let asked = ask_patiently(&server.url, &maker.public, PATIENCE);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let cancel = CancellationToken::new();
    let (session, cancelled) = (asked.session.clone(), cancel.clone());
    let find = runtime.spawn(async move { session.find(wanted(key), &cancelled).await });
    wait_for(|| (!server.requests().is_empty()).then_some(()));
    let started = std::time::Instant::now();
    cancel.cancel();
    assert_eq!(runtime.block_on(find).unwrap(), None);
    // The thread that asked is gone too: the runtime waits for it.
    drop(runtime);
    assert!(started.elapsed() < PATIENCE / 2, "{:?}", started.elapsed());
}

fn wanted(key: RealisationKey) -> Wanted {
    Wanted {
        key,
        outputs: vec!["out".into()],
        fixed: None,
    }
}
