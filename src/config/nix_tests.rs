//! `[backend]` and `[nix]`.

use super::*;
use crate::model::BackendKind;

const REMOTE: &str = "host = \"web-1\"\n[[remotes]]\nname = \"origin\"\nurl = \"/srv/infra.git\"\n";

fn read(lines: &str) -> Result<Config, String> {
    parse(&format!("{REMOTE}{lines}"), "kiln.toml").map_err(|error| error.to_string())
}

#[test]
fn every_kind_of_backend_can_be_asked_for_with_an_attribute_of_nix() {
    for (word, kind) in [
        ("auto", BackendChoice::Auto),
        ("nix-flake", BackendChoice::Always(BackendKind::NixFlake)),
        ("nix", BackendChoice::Always(BackendKind::Nix)),
    ] {
        let config = read(&format!(
            "[backend]\nkind = \"{word}\"\nattribute = 'homeConfigurations.\"me@{{host}}\".x-1'"
        ));
        let config = config.unwrap();
        let backend = config.backend;
        assert_eq!(backend.kind, kind);
        let names = backend.attribute.unwrap().names(&config.host);
        assert_eq!(names, ["homeConfigurations", "me@web-1", "x-1"]);
    }
    assert_eq!(read("").unwrap().backend.attribute, None);
    let error = read("[backend]\nkind = \"native\"\nattribute = \"x\"").unwrap_err();
    assert!(error.starts_with("kiln.toml:7:13: `backend.attribute`: it is of Nix"));
}

#[test]
fn an_attribute_is_names_and_nothing_that_nix_would_run() {
    for bad in [
        "a b",
        "a.",
        "a.\"b",
        "a.\"${x}\"",
        "a; builtins.abort",
        "(a)",
    ] {
        let value = toml::Value::String(bad.to_owned());
        let error = read(&format!("[backend]\nattribute = {value}")).unwrap_err();
        let place = "kiln.toml:6:13: `backend.attribute`: ";
        assert!(error.starts_with(place), "{bad}: {error}");
    }
    for good in [
        "a",
        "a.b-c'.\"d e.f\"",
        "_x",
        "packages.x86_64-linux.default",
    ] {
        let value = toml::Value::String(good.to_owned());
        read(&format!("[backend]\nattribute = {value}")).expect(good);
    }
}

#[test]
fn the_nix_table_is_read_whole_and_its_settings_as_nix_writes_them() {
    const KEY: &str = "c-1:tK/kTUKpeRK5HihOJZXP+PaI5uf6Qm2p/yYhmGEt9bQ=";
    let lines = format!(
        "[nix]\nfile = \"hosts/all.nix\"\noptions = {{ max-jobs = 2, sandbox = true, cores = \"4\" }}\n\
         builders = [\"ssh://b x86_64-linux\", \"@/etc/nix/machines\"]\n\
         substituters = [\"https://c\", \"/srv/cache\"]\ntrusted_public_keys = [\"{KEY}\"]\n\
         accept_flake_config = true\n"
    );
    let config = read(&lines).unwrap();
    let options: Vec<_> = config.nix.options.iter().collect();
    assert_eq!(
        format!("{options:?}"),
        "[(\"cores\", \"4\"), (\"max-jobs\", \"2\"), (\"sandbox\", \"true\")]"
    );
    assert_eq!(config.nix.file, "hosts/all.nix");
    assert_eq!(config.nix.builders.len(), 2);
    assert_eq!(config.nix.substituters, ["https://c", "/srv/cache"]);
    assert_eq!(config.nix.trusted_public_keys[0].to_string(), KEY);
    assert!(config.nix.accept_flake_config);
    assert_eq!(read("").unwrap().needs_restart(&config), ["nix"]);
}

#[test]
fn a_wrong_value_of_the_nix_table_is_shown_at_its_place() {
    for (line, why) in [
        (
            "file = \"../x\"",
            "6:8: `nix.file`: \"../x\" must be a relative path",
        ),
        ("file = \".\"", "6:8: `nix.file`: it must name a file"),
        (
            "options = 1",
            "6:11: `nix.options`: expected a table, found a number",
        ),
        (
            "options = { a = [] }",
            "6:11: `nix.options`: a: expected a text",
        ),
        (
            "options = { Max = 1 }",
            "6:11: `nix.options`: \"Max\" is no setting",
        ),
        (
            "options = { substituters = \"x\" }",
            "6:11: `nix.options`: substituters has a key of its own: substituters",
        ),
        (
            "options = { a = \"x\\ny\" }",
            "6:11: `nix.options`: a: it may not hold line breaks",
        ),
        ("builders = [\"\"]", "6:12: `nix.builders`: it is empty"),
        (
            "builders = [\"a;b\"]",
            "6:12: `nix.builders`: \"a;b\": one builder each",
        ),
        (
            "substituters = [\"x\"]",
            "6:16: `nix.substituters`: \"x\" is no binary cache",
        ),
        (
            "substituters = [\"/srv/a b\"]",
            "6:16: `nix.substituters`: \"/srv/a b\": Nix cannot be told of a cache in a folder with ' '",
        ),
        (
            "substituters = [\"file:///srv/é?priority=1\"]",
            "6:16: `nix.substituters`: \"file:///srv/é?priority=1\": Nix cannot be told of a cache in a folder with 'é'",
        ),
        (
            "substituters = [\"https://a:b@c\"]",
            "6:16: `nix.substituters`: the URL of a cache may not hold a password",
        ),
        (
            "trusted_public_keys = [\"k\"]",
            "6:23: `nix.trusted_public_keys`: \"k\" is no public key",
        ),
        (
            "accept_flake_config = 1",
            "6:23: `nix.accept_flake_config`: expected true or false",
        ),
        (
            "builder = []",
            "6:1: unknown key `builder` in `nix`; did you mean `builders`?",
        ),
    ] {
        let error = read(&format!("[nix]\n{line}")).unwrap_err();
        assert!(
            error.starts_with(&format!("kiln.toml:{why}")),
            "{line}: {error}"
        );
    }
}

#[test]
fn records_are_looked_for_in_what_kiln_can_read_and_need_a_key_that_signs_them() {
    const KEY: &str = "c-1:tK/kTUKpeRK5HihOJZXP+PaI5uf6Qm2p/yYhmGEt9bQ=";
    let keys = format!("trusted_public_keys = [\"{KEY}\"]");
    let with = |lines: &str| read(&format!("[nix]\n{lines}\n{keys}"));
    let from = |lines: &str| -> Vec<String> {
        let from = with(lines).unwrap().nix.prebuilt_from;
        from.iter().map(ToString::to_string).collect()
    };
    let substituters =
        "substituters = [\"s3://b\", \"https://c?priority=1\", \"ssh-ng://d\", \"file:///srv/e\"]";
    for (word, prebuilt) in [("prefer", Prebuilt::Prefer), ("only", Prebuilt::Only)] {
        let lines = format!("prebuilt = \"{word}\"\n{substituters}");
        assert_eq!(with(&lines).unwrap().nix.prebuilt, prebuilt);
        assert_eq!(from(&lines), ["https://c", "/srv/e"]);
        let named = format!("{lines}\nprebuilt_from = [\"https://records\"]");
        assert_eq!(from(&named), ["https://records"]);
    }
    assert_eq!(read("").unwrap().nix.prebuilt, Prebuilt::Never);
    assert!(from(substituters).is_empty(), "nothing is asked");
    for (lines, why) in [
        (
            "prebuilt = \"only\"",
            "there is no cache to ask for records",
        ),
        (
            "prebuilt = \"prefer\"\nsubstituters = [\"s3://b\"]",
            "there is no cache to ask for records",
        ),
        ("prebuilt = \"always\"", "\"always\""),
    ] {
        let error = with(lines).unwrap_err();
        let place = "kiln.toml:6:12: `nix.prebuilt`: ";
        assert!(error.starts_with(place) && error.contains(why), "{error}");
    }
    for never in ["", "prebuilt = \"never\"\n"] {
        let idle = with(&format!("prebuilt_from = [\"/srv/c\"]\n{never}")).unwrap_err();
        let place = "kiln.toml:6:17: `nix.prebuilt_from`: nothing is asked for records";
        assert!(idle.starts_with(place), "{idle}");
    }
    let unsigned = read("[nix]\nprebuilt = \"only\"\nprebuilt_from = [\"/c\"]").unwrap_err();
    assert!(
        unsigned.contains("no record could ever be believed"),
        "{unsigned}"
    );
    let odd = with("prebuilt = \"only\"\nprebuilt_from = [\"s3://b\"]").unwrap_err();
    assert!(
        odd.contains("`nix.prebuilt_from`: \"s3://b\" is no cache"),
        "{odd}"
    );
}

#[test]
fn submodules_and_builds_elsewhere_are_where_nix_sees_to_them() {
    let with = |kind: &str, line: &str| read(&format!("[backend]\nkind = \"{kind}\"\n{line}"));
    for kind in ["nix", "nix-flake"] {
        let config = with(kind, "[repository]\nsubmodules = true").unwrap();
        assert!(config.repository.submodules);
        with(kind, "[builder]\nlocal = \"never\"").unwrap();
    }
    for kind in ["auto", "native"] {
        let error = with(kind, "[repository]\nsubmodules = true").unwrap_err();
        let place = "kiln.toml:8:14: `repository.submodules`: kiln.star does not see submodules";
        assert!(error.starts_with(place), "{error}");
    }
    // Nix's own substituters may be all there is.
    with("auto", "[builder]\nlocal = \"never\"").unwrap();
    with("native", "[builder]\nlocal = \"never\"").unwrap_err();
}
