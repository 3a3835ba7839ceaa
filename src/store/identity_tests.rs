//! The vectors of `docs/formats.md`, computed by an implementation of its own.

use super::*;
use crate::store::encoding::hex;

fn step() -> ResolvedStep {
    let path = |text: &str| text.parse::<StorePath>().unwrap();
    ResolvedStep {
        name: "shop".into(),
        builder: None,
        script: Some("make\n".into()),
        args: vec!["-x".into()],
        env: BTreeMap::from([("B".into(), "2".into()), ("A".into(), "1".into())]),
        src: Some(path(
            "/var/lib/kiln/store/11111111111111111111111111111111-src",
        )),
        inputs: BTreeSet::from([path(
            "/var/lib/kiln/store/0123456789abcdfghijklmnpqrsvwxyz-in",
        )]),
        outputs: vec!["out".into(), "dev".into()],
        system: "x86_64-linux".into(),
        fixed: None,
        platform: Some("x86_64-linux-debian-12".into()),
        sandbox_version: 1,
    }
}

#[test]
fn a_resolved_step_has_the_key_of_the_format() {
    assert_eq!(
        hex(&step().key()),
        "8e001748624f04554be83b44321e62c8bea948b29ea4a349fe598a186b768067"
    );
    let tool = ResolvedStep {
        name: "tool".into(),
        builder: Some("/bin/x".into()),
        script: None,
        args: vec![],
        env: BTreeMap::new(),
        src: None,
        inputs: BTreeSet::new(),
        outputs: vec!["out".into()],
        system: "x86_64-linux".into(),
        fixed: Some(Hash::of(b"")),
        platform: None,
        sandbox_version: 1,
    };
    assert_eq!(
        hex(&tool.key()),
        "8a12651f55f79997a2dd5d0aee5d1920fdda562c17cea4d918e6de80bc569a90"
    );
}

#[test]
fn every_field_of_a_step_counts() {
    let changes: [fn(&mut ResolvedStep); 12] = [
        |s| s.name.push('x'),
        |s| s.builder = Some("make\n".into()),
        |s| s.script = Some("make \n".into()),
        |s| s.args.push(String::new()),
        |s| s.env.insert("A".into(), "2".into()).map_or((), drop),
        |s| s.src = None,
        |s| s.inputs.clear(),
        |s| s.outputs.reverse(),
        |s| s.system.push('x'),
        |s| s.fixed = Some(Hash([0; 32])),
        |s| s.platform = None,
        |s| s.sandbox_version += 1,
    ];
    let mut keys = BTreeSet::from([step().key()]);
    for change in changes {
        let mut changed = step();
        change(&mut changed);
        assert!(keys.insert(changed.key()), "{changed:?}");
    }
}

#[test]
fn a_scratch_path_follows_from_step_and_output() {
    let path = scratch_path(&step().key(), "out", "shop").unwrap();
    assert_eq!(
        path.to_string(),
        "/var/lib/kiln/store/w8iw7qwakxj95ah19icykqn9ddbfsmk1-shop"
    );
}

#[test]
fn a_fixed_output_is_known_before_it_is_made() {
    let fixed = FixedOutput {
        hash: Hash::of(b""),
        mode: FixedMode::Nar,
        name: "dl".into(),
    };
    assert_eq!(
        fixed.key().to_string(),
        "7a93b99df3c86138c5b6d59199394d2410c7bbfabc3328df3fb229b6260875eb"
    );
    assert_eq!(
        fixed.path().unwrap().to_string(),
        "/var/lib/kiln/store/zaxwf4149lwrk4fmnv2khqf8yffvk4vs-dl"
    );
}

#[test]
fn what_a_promised_hash_is_of_makes_another_object() {
    let of = |mode| FixedOutput {
        hash: Hash::of(b""),
        mode,
        name: "dl".into(),
    };
    let (flat, executable) = (of(FixedMode::Flat), of(FixedMode::Executable));
    assert_eq!(
        flat.key().to_string(),
        "36d41c4078dab21a5bc5d4db1b8eebd64fdf9600b026071da8d740bdf90bcf15"
    );
    assert_eq!(
        flat.path().unwrap().to_string(),
        "/var/lib/kiln/store/02bdykynxf71pnylqmdimcnsg101rm1n-dl"
    );
    assert_eq!(
        executable.path().unwrap().to_string(),
        "/var/lib/kiln/store/i09xypipi3k9nfpmrppm9lfcy18q388z-dl"
    );
}

#[test]
fn n05_references_belong_in_an_objects_path() {
    let none = BTreeSet::new();
    let some = step().inputs;
    let path = |references| {
        let content = Content {
            nar_modulo_self: Hash::of(b""),
            self_offsets: &[],
            references,
            name: "x",
        };
        content.path().unwrap()
    };
    assert_ne!(path(&none), path(&some));
}

#[test]
fn the_format_page_and_the_tests_pin_the_same_vectors() {
    let page = include_str!("../../docs/formats.md");
    let tests = concat!(
        include_str!("identity_tests.rs"),
        include_str!("publish_tests.rs"),
        include_str!("encoding.rs"),
        include_str!("../backend/native/materialise/tests/tree.rs"),
        include_str!("../backend/native/build/unpack.rs"),
    );
    let (_, vectors) = page.split_once("## Test vectors").unwrap();
    let rows = vectors
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2);
    let values: Vec<&str> = rows.filter_map(|row| row.rsplit('`').nth(1)).collect();
    assert_eq!(values.len(), 16);
    for value in values {
        assert!(tests.contains(value), "no test pins {value}");
    }
}
