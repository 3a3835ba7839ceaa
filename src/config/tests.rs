use super::*;
use std::fs;
use std::time::Duration;

const REMOTE: &str = "[[remotes]]\nname = \"origin\"\nurl = \"/srv/infra.git\"\n";

fn error(text: &str) -> String {
    parse(text, "kiln.toml").expect_err(text).to_string()
}

/// The error of `lines` below a valid remote, which takes lines 1 to 3.
fn error_after_remote(lines: &str) -> String {
    error(&format!("{REMOTE}{lines}"))
}

fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn an_unknown_key_is_shown_with_a_caret_and_what_was_meant() {
    assert_eq!(
        error_after_remote("  poll_intervall = \"60s\""),
        "kiln.toml:4:3: unknown key `poll_intervall` in `remotes.origin`; did you mean `poll_interval`?\n\
         \x20 |\n\
         4 |   poll_intervall = \"60s\"\n\
         \x20 |   ^^^^^^^^^^^^^^"
    );
    assert_eq!(
        error("[bulider]\nx = 1"),
        "kiln.toml:1:2: unknown key `bulider`; did you mean `builder`?\n\
         \x20 |\n\
         1 | [bulider]\n\
         \x20 |  ^^^^^^^"
    );
}

#[test]
fn text_that_is_no_toml_is_shown_where_it_stops() {
    let error = error("host = \"web-1\nstate_dir = \"/x\"");
    assert!(error.starts_with("kiln.toml:1:"), "{error}");
    assert!(error.contains("\n1 | host = \"web-1\n"), "{error}");
}

#[test]
fn a_wrong_value_says_what_is_expected_at_its_place() {
    assert_eq!(
        error_after_remote("[builder]\neval_timeout = 60"),
        "kiln.toml:5:16: `builder.eval_timeout`: expected a text in quotes, found a number\n\
         \x20 |\n\
         5 | eval_timeout = 60\n\
         \x20 |                ^^"
    );
    for (lines, message) in [
        (
            "poll_interval = \"60\"",
            "4:17: `remotes.origin.poll_interval`: \"60\" is not a duration; write for example \"90s\", \"5m\" or \"1h30m\"",
        ),
        (
            "timeout = \"0s\"",
            "4:11: `remotes.origin.timeout`: it must be longer than nothing",
        ),
        (
            "[builder]\neval_memory = \"1GB\"",
            "5:15: `builder.eval_memory`: \"1GB\" is not a size; write for example \"64MiB\" or \"1GiB\"",
        ),
        (
            "[native]\nsandbox = \"of\"",
            "5:11: `native.sandbox`: \"of\" is not known; did you mean \"off\"?",
        ),
        (
            "[native]\njobs = -1",
            "5:8: `native.jobs`: it must be 0 to 4096",
        ),
        (
            "[native]\njobs = 1.5",
            "5:8: `native.jobs`: expected a whole number, found a float",
        ),
        (
            "[native]\nfile = \"../x\"",
            "5:8: `native.file`: \"../x\" must be a relative path without ..",
        ),
        (
            "[native]\nsandbox_paths = [\"/usr/../etc\"]",
            "5:17: `native.sandbox_paths`: \"/usr/../etc\" must be an absolute path below / without ..",
        ),
        (
            "[native]\nsandbox_paths = [\"/usr\", \"/tmp/gate\"]",
            "5:17: `native.sandbox_paths`: \"/tmp/gate\" would be hidden: a step has a /tmp of its own",
        ),
        (
            "[native]\nsandbox_paths = [\"/var/lib/kiln/store\"]",
            "5:17: `native.sandbox_paths`: \"/var/lib/kiln/store\" would be hidden: a step has a /var/lib/kiln/store of its own",
        ),
        (
            "[native]\nbuild_users = { first = 30000 }",
            "5:25: `native.build_users.first`: uid 30001 is used by others (Nix: 30001 to 30032, nobody: 65534)",
        ),
        (
            "[grpc]\nmode = \"rw\"",
            "5:8: `grpc.mode`: \"rw\" is not a mode; write for example \"0660\"",
        ),
        (
            "[grpc]\nsocket = \"run/kiln\"",
            "5:10: `grpc.socket`: \"run/kiln\" must be an absolute path",
        ),
        (
            "[repository]\nsubdir = \"/etc\"",
            "5:10: `repository.subdir`: \"/etc\" must be a relative path without ..",
        ),
        (
            "[builder.retry]\nmax_delay = \"1s\"",
            "5:13: `builder.retry.max_delay`: it is shorter than first_delay",
        ),
        (
            "branches = { main = \"a..b\" }",
            "4:21: `remotes.origin.branches.main`: branch name \"a..b\" is not valid: it may not contain '..', '//', '/.' or '@{'",
        ),
        (
            "branches = { testing = \"main\" }",
            "4:24: `remotes.origin.branches.testing`: it is the main branch already; write \"\" for no testing branch",
        ),
        (
            "[[remotes]]\nname = \"origin\"\nurl = \"/x\"",
            "5:8: `remotes.origin.name`: \"origin\" is the name of another remote already",
        ),
        (
            "[[remotes]]\nname = \"second\"",
            "5:1: `remotes.second.url` is missing",
        ),
    ] {
        let error = error_after_remote(lines);
        let first = error.lines().next().unwrap();
        assert_eq!(first, format!("kiln.toml:{message}"));
    }
}

#[test]
fn without_a_remote_the_file_as_a_whole_is_wrong() {
    assert_eq!(
        error(""),
        "kiln.toml: `remotes`: at least one `[[remotes]]` with a name and a url is needed"
    );
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    let error = error("[[remotes]]\nname = \"o\"\nurl = \"https://me:hunter2@example.org/x\"");
    assert_eq!(
        error,
        "kiln.toml:3:7: `remotes.o.url`: a url may not hold a password: put it in a file of mode 0600 \
         and name that in `auth = { token_file = \"..\" }`\n\
         \x20 |\n\
         3 | url = \"https://me:*******@example.org/x\"\n\
         \x20 |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"
    );
}

#[test]
fn only_urls_kiln_can_fetch_from_are_taken() {
    let url = |url: &str| parse(&format!("[[remotes]]\nname = \"o\"\nurl = \"{url}\""), "f");
    for good in [
        "https://h/x.git",
        "git://h/x",
        "file:///srv/x",
        "/srv/x",
        "https://git@h:8443/x",
    ] {
        assert_eq!(url(good).unwrap().remotes[0].url, good);
    }
    for (bad, why) in [
        ("ssh://git@h/x", "ssh is not in this version yet"),
        ("git@h:x.git", "ssh is not in this version yet"),
        ("http://h/x", "use https"),
        ("ext::sh -c true", "white space"),
        ("ext::true", "ssh is not"),
        ("ftp://h/x", "ftp:// is not supported"),
        ("x.git", "a path must be absolute"),
        ("file://x", "an absolute path"),
        ("https:///x", "the host is missing"),
        ("", "a path must be absolute"),
        ("-x", "a path must be absolute"),
    ] {
        let error = url(bad).unwrap_err().to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
}

#[test]
fn what_is_not_in_this_version_is_refused_where_it_is_asked_for() {
    assert_eq!(
        error_after_remote("\n[activation]\nx = 1\n"),
        "kiln.toml:5:1: `[activation]` is not in this version yet; remove it\n\
         \x20 |\n\
         5 | [activation]\n\
         \x20 | ^^^^^^^^^^^^"
    );
    for (lines, what) in [
        (
            "[trust]\nverify = \"head\"",
            "5:1: `trust.verify = \"head\"`",
        ),
        (
            "[trust]\nopenpgp_keys = [\"/k\"]",
            "5:1: `trust.openpgp_keys`",
        ),
        (
            "[trust]\nssh_allowed_signers = \"/k\"",
            "5:1: `trust.ssh_allowed_signers = \"/k\"`",
        ),
        (
            "[webhook]\nlisten = \":1\"",
            "5:1: `webhook.listen = \":1\"`",
        ),
        (
            "[metrics]\nlisten = \":1\"",
            "5:1: `metrics.listen = \":1\"`",
        ),
        ("[otlp]\nendpoint = \"x\"", "5:1: `otlp.endpoint = \"x\"`"),
        ("[http]\nlisten = \":1\"", "5:1: `http.listen = \":1\"`"),
        ("[activation]\nx = 1", "4:1: `[activation]`"),
        ("[grpc]\nlisten = \":1\"", "5:1: `grpc.listen = \":1\"`"),
        (
            "auth = { ssh_key_file = \"/k\" }",
            "4:10: `remotes.origin.auth.ssh_key_file = \"/k\"`",
        ),
    ] {
        let error = error_after_remote(lines);
        let first = error.lines().next().unwrap();
        assert_eq!(
            first,
            format!("kiln.toml:{what} is not in this version yet; remove it")
        );
    }
}

#[test]
fn caches_are_places_with_keys_and_without_any_something_must_be_built_here() {
    const KEY: &str = "c-1:tK/kTUKpeRK5HihOJZXP+PaI5uf6Qm2p/yYhmGEt9bQ=";
    let cache =
        |url: &str, key: &str| format!("[[caches]]\nurl = \"{url}\"\npublic_keys = [\"{key}\"]\n");
    let good = cache("https://c/x", KEY) + &cache("/srv/cache", KEY);
    let never = format!("{REMOTE}{good}[builder]\nlocal = \"never\"");
    let config = parse(&never, "f").unwrap();
    assert_eq!(config.builder.local, LocalBuilds::Never);
    assert_eq!(config.caches[0].url.to_string(), "https://c/x");
    assert_eq!(config.caches[1].public_keys[0].to_string(), KEY);
    for (lines, why) in [
        (
            "[builder]\nlocal = \"never\"\n[backend]\nkind = \"native\"".to_owned(),
            "5:9: `builder.local`: nothing could ever",
        ),
        (cache("c", KEY), "5:7: `caches.1.url`: \"c\" is no cache"),
        (
            cache("https://a:b@c/", KEY),
            "5:7: `caches.1.url`: the URL of a cache holds",
        ),
        (
            cache("https://c", "c-1"),
            "6:15: `caches.1.public_keys`: \"c-1\" is no public key",
        ),
        ("[[caches]]\n".to_owned(), "caches.1.url`: "),
    ] {
        let error = error_after_remote(&lines);
        assert!(error.contains(why), "{lines}: {error}");
    }
}

#[test]
fn what_is_not_in_this_version_may_be_written_as_off() {
    let off = "[trust]\nopenpgp_keys = []\nverify = \"none\"\n[metrics]\nlisten = \"\"\n[activation]\n\
               [builder]\nlocal = \"allow\"\n\
               [repository]\nsubmodules = false\n[grpc]\nlisten = \"\"";
    parse(&format!("{REMOTE}{off}"), "f").unwrap();
}

#[test]
fn the_host_is_filled_in_and_the_defaults_are_those_of_the_contract() {
    let text = "host = \"web-1\"\n[repository]\nsubdir = \"./hosts//{host}/\"\n\
                [[remotes]]\nname = \"origin\"\nurl = \"https://h/{host}.git\"";
    let config = parse(text, "f").unwrap();
    let remote = &config.remotes[0];
    assert_eq!(config.repository.subdir, "hosts/web-1");
    assert_eq!(remote.url, "https://h/web-1.git");
    assert_eq!(remote.main.as_str(), "main");
    assert_eq!(remote.testing.as_ref().unwrap().as_str(), "testing-web-1");
    assert_eq!(remote.poll_interval, Duration::from_secs(60));
    assert_eq!(remote.auth, None);
    assert_eq!(config.builder.eval_memory, None);
    assert_eq!(config.limits.memory, None);
    assert_eq!(config.grpc.mode, 0o660);
    assert_eq!(
        config.native.build_users,
        BuildUsers {
            first: 60_600,
            count: 32
        }
    );
}

#[test]
fn files_of_conf_d_are_merged_by_name_in_their_order() {
    let dir = written(&[
        (
            "kiln.toml",
            "host = \"h\"\n[builder]\neval_timeout = \"1m\"\nbuild_timeout = \"1h\"\n[[remotes]]\nname = \"origin\"\nurl = \"/one\"\n",
        ),
        (
            "conf.d/20.toml",
            "[builder]\neval_timeout = \"3m\"\n[[remotes]]\nname = \"origin\"\npoll_interval = \"0s\"\n",
        ),
        (
            "conf.d/10.toml",
            "[builder]\neval_timeout = \"2m\"\n[[remotes]]\nname = \"mirror\"\nurl = \"/two\"\n",
        ),
        ("conf.d/.30.toml", "not toml"),
        ("conf.d/README", "not toml"),
    ]);
    let file = dir.path().join("kiln.toml");
    let (config, settings) = load_with_origins(&file).unwrap();
    assert_eq!(config.builder.eval_timeout, Duration::from_secs(180));
    assert_eq!(config.builder.build_timeout, Duration::from_secs(3600));
    let remotes: Vec<_> = config
        .remotes
        .iter()
        .map(|r| (r.name.as_str(), r.url.as_str()))
        .collect();
    assert_eq!(remotes, [("origin", "/one"), ("mirror", "/two")]);
    assert_eq!(config.remotes[0].poll_interval, Duration::ZERO);

    let setting = |key: &str| settings.iter().find(|s| s.key == key).unwrap().clone();
    let interval = setting("remotes.origin.poll_interval");
    assert_eq!(interval.value, "\"0s\"");
    assert_eq!(
        interval.origin,
        format!("{}:5", dir.path().join("conf.d/20.toml").display())
    );
    assert_eq!(setting("native.file").origin, "default");
    assert_eq!(
        setting("native.fetch_deny").value,
        "[\"loopback\", \"link-local\", \"metadata\"]"
    );
    let mut keys: Vec<_> = settings.iter().map(|s| &s.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), settings.len(), "each value is noted once");
}

#[test]
fn an_error_in_a_fragment_names_the_fragment() {
    let dir = written(&[
        ("kiln.toml", REMOTE),
        ("conf.d/a.toml", "\n[native]\njobs = \"x\""),
    ]);
    let error = load(&dir.path().join("kiln.toml")).unwrap_err().to_string();
    let fragment = dir.path().join("conf.d/a.toml");
    assert!(
        error.starts_with(&format!("{}:3:8: `native.jobs`", fragment.display())),
        "{error}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Path::new("/nonexistent/kiln.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the configuration /nonexistent/kiln.toml"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn the_example_is_valid_and_says_the_defaults() {
    let example = parse(include_str!("../../examples/kiln.toml"), "kiln.toml").unwrap();
    let minimal = "host = \"web-1\"\n[[remotes]]\nname = \"origin\"\nurl = \"https://git.example.org/infra.git\"";
    assert_eq!(example, parse(minimal, "f").unwrap());
}

#[test]
fn f01_memory_that_somebody_wrote_counts_though_it_is_what_the_default_shows() {
    let written = format!("{REMOTE}[builder]\neval_memory = \"1GiB\"\n");
    let config = parse(&written, "f").unwrap();
    assert_eq!(config.builder.eval_memory, Some(1 << 30));
    assert_eq!(parse(REMOTE, "f").unwrap().builder.eval_memory, None);
}

#[test]
fn every_key_has_its_line_in_the_example() {
    let example = include_str!("../../examples/kiln.toml");
    let mut reading = Reading::default();
    let table = reading.sources.parse("f", example.to_owned()).unwrap();
    Config::read(&reading, &table).unwrap();
    for setting in reading.settings.into_inner() {
        let key = setting.key.rsplit('.').next().unwrap();
        assert!(example.contains(&format!("{key} = ")), "{}", setting.key);
    }
}

#[test]
fn a_development_agent_is_for_its_user_alone() {
    let config =
        Config::for_dev("laptop".parse().unwrap(), "/s".into(), "/s/x.sock".into()).unwrap();
    assert_eq!(config.host.as_str(), "laptop");
    assert_eq!(config.state_dir, Path::new("/s"));
    assert_eq!((config.grpc.mode, config.grpc.group.as_str()), (0o600, ""));
    assert!(config.remotes.is_empty());
}

#[test]
fn keys_that_need_a_restart_are_named() {
    let old = parse(&format!("host = \"a\"\n{REMOTE}"), "f").unwrap();
    let new = parse(
        &format!("host = \"a\"\nstate_dir = \"/x\"\n{REMOTE}timeout = \"1m\""),
        "f",
    )
    .unwrap();
    assert_eq!(old.needs_restart(&new), ["state_dir"]);
}

#[test]
fn a_reload_takes_remotes_and_limits_and_nothing_of_another_hosts_file() {
    let text =
        |host: &str, rest: &str| parse(&format!("host = \"{host}\"\n{REMOTE}{rest}"), "f").unwrap();
    let old = text("web-1", "");
    let new = text(
        "web-1",
        "poll_interval = \"5s\"\n[builder]\nbuild_timeout = \"7m\"\n[native]\njobs = 3\n",
    );
    let used = old.reloaded(&new);
    assert_eq!(used.remotes, new.remotes);
    assert_eq!(used.builder, new.builder);
    assert_eq!(used.native, old.native);
    assert_eq!(old.needs_restart(&new), ["native"]);
    let renamed = text("web-2", "");
    assert_eq!(old.reloaded(&renamed), old);
    // The testing branch has the host's name in it.
    assert_eq!(old.needs_restart(&renamed), ["host", "remotes"]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        text in "([a-z_]{1,8}|builder|remotes|url|name|[\\[\\]{}=\"',.#\\n\\t\\r ü0-9:/@-]){0,40}"
    ) {
        let _ = parse(&text, "f").map_err(|error| error.to_string());
    }

    #[test]
    fn no_value_of_a_known_key_makes_the_reader_panic(value in "\\PC{0,20}", key in 0..6usize) {
        let key = ["host", "state_dir", "builder.eval_timeout", "limits.memory", "grpc.mode", "repository.subdir"][key];
        let value = toml::Value::String(value);
        let _ = parse(&format!("{key} = {value}\n{REMOTE}"), "f").map_err(|error| error.to_string());
    }
}
