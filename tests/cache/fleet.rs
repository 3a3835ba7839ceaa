//! One host builds, others get what it built.

use crate::support::*;

#[test]
fn a_host_that_builds_nothing_gets_the_result_another_built_in_one_question() {
    let (maker, home) = (Maker::new(), Home::new());
    let cache = home.path("cache");
    let pushed = maker.push_signed(cache.to_str().unwrap());
    assert_eq!(pushed["present"], "0", "{pushed}");
    let server = Server::start(&cache);
    let config = asking(
        &home,
        &maker.repository,
        &server.url,
        &maker.public,
        "never",
    );
    let agent = Agent::configured(&home, &config);
    let generation = agent.built(1);
    let build = &generation["build"];
    assert_eq!(build["status"], "BUILD_STATUS_SUCCEEDED", "{generation:#}");
    assert_eq!(build["outPath"], maker.out_path.as_str());
    assert_eq!(build["steps"]["reused"], build["steps"]["total"]);
    assert_eq!(
        steps(&agent, 1),
        (vec![], vec![]),
        "no step was even looked at"
    );
    let asked = |end: &str| {
        server
            .requests()
            .iter()
            .filter(|line| line.contains(end))
            .count()
    };
    assert_eq!(asked(".doi"), 1, "{:?}", server.requests());
    let real = PathBuf::from(build["realPath"].as_str().unwrap());
    let tool = std::fs::read_link(real.join("etc/tool")).unwrap();
    assert!(
        real.join("etc").join(tool).exists(),
        "with all it refers to"
    );
}

#[test]
fn what_no_cache_has_is_waited_for_and_comes_once_it_is_pushed() {
    let (maker, home) = (Maker::new(), Home::new());
    let server = Server::start(&home.path("cache"));
    let config = asking(
        &home,
        &maker.repository,
        &server.url,
        &maker.public,
        "never",
    );
    maker.push(&server.url, &[]); // objects alone: nobody says what they are the results of
    let agent = Agent::configured(&home, &config);
    let waiting = wait_for(|| {
        let status = agent.status();
        let blocked = status["latest"]["build"]["blocked"].clone();
        (blocked["reason"] == "BLOCKED_REASON_CACHE").then_some((status, blocked))
    });
    assert_eq!(
        waiting.0["condition"], "CONDITION_WAITING",
        "{:#}",
        waiting.0
    );
    let message = waiting.1["message"].as_str().unwrap();
    assert!(message.contains("no cache has tool"), "{message}");
    maker.push_signed(&server.url);
    let generation = agent.built(1);
    assert_eq!(generation["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert_eq!(generation["build"]["outPath"], maker.out_path.as_str());
    assert_eq!(
        generation["build"]["attempt"], 1,
        "it never ended in between"
    );
    assert_eq!(steps(&agent, 1).0, Vec::<String>::new(), "nothing ran");
}

#[test]
fn a_host_that_builds_nothing_and_has_no_cache_says_so_where_nix_could_have_one() {
    let (maker, home) = (Maker::new(), Home::new());
    let remote = format!(
        "[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n",
        maker.repository.path
    );
    let config =
        Agent::config(&home, &remote).replace("[builder]\n", "[builder]\nlocal = \"never\"\n");
    let agent = Agent::configured(&home, &config);
    let message = wait_for(|| {
        let blocked = agent.status()["latest"]["build"]["blocked"].clone();
        let waits = blocked["reason"] == "BLOCKED_REASON_CACHE";
        waits.then(|| blocked["message"].as_str().unwrap().to_owned())
    });
    assert!(
        message.contains("there are no [[caches]] to bring tool"),
        "{message}"
    );
}

#[test]
fn steps_of_another_graph_come_from_the_cache_and_only_what_is_new_is_built() {
    let (maker, home) = (Maker::new(), Home::new());
    let cache = home.path("cache");
    maker.push(cache.to_str().unwrap(), &["--key", "key", "--all"]);
    let more = HOST.replace(
        "\"MOTD\\n\"",
        "symlink(derivation(name = \"new\", script = \"echo new > $out\"))",
    );
    maker.repository.commit(&more);
    let config = asking(
        &home,
        &maker.repository,
        cache.to_str().unwrap(),
        &maker.public,
        "allow",
    );
    let agent = Agent::configured(&home, &config);
    let (began, mut substituted) = steps(&agent, 1);
    substituted.sort();
    assert_eq!(
        (began, substituted),
        (
            vec!["new".to_owned()],
            vec!["data".to_owned(), "tool".to_owned()]
        )
    );
    let generation = agent.built(1);
    assert_eq!(generation["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert_eq!(generation["build"]["outPath"], maker.build().as_str());
}

#[test]
fn a_push_over_http_is_taken_up_where_it_ended_and_sends_nothing_twice() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    let server = Server::start(&cache);
    server.misbehave("503");
    let state = maker.state();
    let line = [
        "store",
        "push",
        &server.url,
        "--key",
        "key",
        "--state-dir",
        &state,
    ];
    let said = maker.home.kiln(&line);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("answered 503"), "{said:?}");
    server.behave();
    maker.push(&server.url, &[]);
    let narinfos = files(&cache, ".narinfo");
    std::fs::remove_file(&narinfos[0]).unwrap(); // as if it had ended before
    std::fs::write(maker.home.path("auth"), "ann:secret\n").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(maker.home.path("auth"), private).unwrap();
    let before = server.requests().len();
    let pushed = maker.push(&server.url, &["--key", "key", "--auth-file", "auth"]);
    assert_eq!(pushed["bytes"], "0", "every archive is there: {pushed}");
    let text = std::fs::read_to_string(&narinfos[0]).unwrap();
    assert!(text.contains("\nSig: cache-1:"), "{text}");
    let requests = server.requests();
    let shown = "Basic YW5uOnNlY3JldA==";
    assert!(
        requests[before..].iter().all(|line| line.ends_with(shown)),
        "{requests:?}"
    );
    let puts = || {
        server
            .requests()
            .iter()
            .filter(|line| line.starts_with("PUT"))
            .count()
    };
    let before = puts();
    let pushed = maker.push_signed(&server.url);
    assert_eq!(
        (puts(), &pushed["objects"], &pushed["realisations"]),
        (before, &"0".into(), &"0".into())
    );
}

#[test]
fn a_key_that_others_can_read_or_a_link_to_one_signs_nothing() {
    let maker = Maker::new();
    let cache = maker.home.path("cache");
    std::os::unix::fs::symlink("key", maker.home.path("link")).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::copy(maker.home.path("key"), maker.home.path("open")).unwrap();
    std::fs::set_permissions(maker.home.path("open"), open).unwrap();
    for (file, why) in [("link", "symbolic link"), ("open", "can be read by others")] {
        let state = maker.state();
        let line = [
            "store",
            "push",
            cache.to_str().unwrap(),
            "--key",
            file,
            "--state-dir",
            &state,
        ];
        let said = maker.home.kiln(&line);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains(why), "{said:?}");
    }
    assert!(!cache.exists());
}

/// A step that a host with this platform would build, and one that anybody may.
const MARS: &str = r#"
tool = derivation(name = "tool", script = "echo from mars > $out")
host("web-1", tree("web-1", {"etc/tool": tool, "etc/motd": "hi\n"}), platform = "mars-1")
"#;

#[test]
fn a_step_for_another_platform_waits_until_a_cache_has_it_or_somebody_vouches() {
    let (home, other) = (Home::new(), Home::new());
    let repository = Repository::new(home.path("infra"));
    repository.commit(MARS);
    let server = Server::start(&home.path("cache"));
    let key = other
        .kiln(&["store", "generate-key", "mars-1", "key"])
        .ok()
        .stdout;
    let config = asking(&home, &repository, &server.url, key.trim(), "allow");
    let agent = Agent::configured(&home, &config);
    let blocked = wait_for(|| {
        let blocked = agent.status()["latest"]["build"]["blocked"].clone();
        (blocked["reason"] == "BLOCKED_REASON_PLATFORM").then_some(blocked)
    });
    let message = blocked["message"].as_str().unwrap();
    assert!(
        message.contains("tool") && message.contains("mars-1"),
        "{message}"
    );
    assert!(message.contains("[native] platforms"), "{message}");
    assert_eq!(agent.status()["condition"], "CONDITION_WAITING");
    // Whoever vouches for it builds it, and says so to the fleet.
    let vouching = asking(&other, &repository, &server.url, key.trim(), "allow");
    let vouching = format!("{vouching}[native]\nplatforms = [\"mars-1\"]\n");
    let builder = Agent::configured(&other, &vouching);
    let built = builder.built(1);
    assert_eq!(
        built["build"]["status"], "BUILD_STATUS_SUCCEEDED",
        "{built:#}"
    );
    let state = builder.state.to_str().unwrap().to_owned();
    assert!(builder.terminate().success());
    let push = [
        "store",
        "push",
        &server.url,
        "--key",
        "key",
        "--all",
        "--state-dir",
        &state,
    ];
    other.kiln(&push).ok();
    let generation = agent.built(1);
    assert_eq!(generation["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    assert_eq!(generation["build"]["outPath"], built["build"]["outPath"]);
    assert_eq!(
        generation["build"]["attempt"], 1,
        "it never ended in between"
    );
    assert_eq!(steps(&agent, 1).0, Vec::<String>::new(), "nothing ran");
}

#[test]
fn a_build_that_waits_for_another_platform_is_ended_by_cancel_and_by_a_new_commit() {
    let home = Home::new();
    let repository = Repository::new(home.path("infra"));
    repository.commit(MARS);
    let remote = format!(
        "[[remotes]]\nname = \"origin\"\nurl = {:?}\npoll_interval = \"1s\"\n",
        repository.path
    );
    let agent = Agent::start(&home, &remote);
    let waits = || {
        let latest = agent.status()["latest"].clone();
        (latest["build"]["blocked"]["reason"] == "BLOCKED_REASON_PLATFORM").then_some(latest)
    };
    wait_for(waits);
    agent.kiln(&["cancel"]).ok();
    let ended = agent.built(1);
    assert_eq!(
        ended["build"]["cancelledBy"], "CANCELLED_BY_STOP",
        "{ended:#}"
    );
    repository.commit(&MARS.replace(", platform = \"mars-1\"", ""));
    assert_eq!(agent.built(2)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
}
