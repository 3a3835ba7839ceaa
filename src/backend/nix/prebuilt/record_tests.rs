use super::*;
use proptest::prelude::*;

const SECRET: &str = "test-1:NzABO7zCD3YEXal3RJsGTD6IiP0S1kwPwkHSbkEpY2m0r+RNQql5ErkeKE4llc/49ojm5/pCban/JiGYYS31tA==";
const FOLDER: &str = "/nix/store";

fn question() -> Question {
    Question {
        commit: "3f".repeat(20).parse().unwrap(),
        host: "web-1".parse().unwrap(),
        backend: BackendKind::NixFlake,
        inputs: NixInputs {
            subdir: ".".into(),
            attribute: "nixosConfigurations.web-1".into(),
            submodules: false,
            file: None,
        },
    }
}

fn unsigned() -> Record {
    Record {
        question: question(),
        drv_path: "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system.drv".into(),
        out_path: "/nix/store/11111111111111111111111111111111-system".into(),
        machine_id: Some("4a5b".into()),
        signatures: BTreeSet::new(),
    }
}

fn signed(mut record: Record) -> Record {
    record.sign(&SECRET.parse().unwrap());
    record
}

fn read(record: &Record) -> Result<Record, InvalidRecord> {
    let trusted = SECRET.parse::<SecretKey>().unwrap().public();
    Record::read(&record.text(), &question(), FOLDER, &[trusted])
}

#[test]
fn f07_the_text_is_the_one_in_formats_md() {
    let record = signed(unsigned());
    assert_eq!(
        question().file(),
        "kiln/prebuilt/10f0bd88d65b620d44f473563a8cba0b78b99fcfe986c127121b77d245afb6b5.json"
    );
    assert_eq!(
        record.fingerprint(),
        "15:kiln:prebuilt:1,40:3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f,5:web-1,9:nix-flake,1:.,25:nixosConfigurations.web-1,5:false,-,4:4a5b,54:/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system.drv,50:/nix/store/11111111111111111111111111111111-system,"
    );
    assert_eq!(
        record.text(),
        "{\"version\":1,\"commit\":\"3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f\",\"host\":\"web-1\",\"backend\":\"nix-flake\",\"subdir\":\".\",\"attribute\":\"nixosConfigurations.web-1\",\"submodules\":false,\"file\":null,\"machineId\":\"4a5b\",\"drvPath\":\"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-system.drv\",\"outPath\":\"/nix/store/11111111111111111111111111111111-system\",\"signatures\":[\"test-1:I8GM3NrtSqqIOw6J/p+Ye0CjBW7FtgpWPcp2bVmx4qhMdfRtQRDqlCiTEus5uNk+lB3lUX3l6H/IZrt+yBFTDg==\"]}"
    );
    assert_eq!(read(&record).unwrap(), record);
}

#[test]
fn f07_a_signature_is_of_every_part_and_by_a_trusted_key() {
    let good = signed(unsigned());
    let untrusted = |record: Record| matches!(read(&record), Err(InvalidRecord::Untrusted));
    assert!(untrusted(unsigned()));
    let with_machine = |id: Option<&str>| Record {
        machine_id: id.map(str::to_owned),
        ..good.clone()
    };
    assert!(untrusted(with_machine(None)));
    assert!(untrusted(with_machine(Some("4a5c"))));
    assert!(untrusted(Record {
        out_path: good.out_path.replace("-system", "-systen"),
        ..good.clone()
    }));
    assert!(untrusted(Record {
        drv_path: good.drv_path.replace("-system", "-systen"),
        ..good.clone()
    }));
    let other = SecretKey::generate("test-1").unwrap().parse().unwrap();
    let mut forged = unsigned();
    forged.sign(&other);
    assert!(untrusted(forged.clone()));
    // One that counts is enough.
    assert!(read(&signed(forged)).is_ok());
}

#[test]
fn f07_a_record_of_another_evaluation_is_none_of_this_one() {
    let asked = question();
    let plain = NixInputs {
        file: Some("default.nix".into()),
        ..asked.inputs.clone()
    };
    let with = |inputs: NixInputs| Question {
        inputs,
        ..asked.clone()
    };
    let others = [
        (
            "commit",
            Question {
                commit: "4f".repeat(20).parse().unwrap(),
                ..asked.clone()
            },
        ),
        (
            "host",
            Question {
                host: "web-2".parse().unwrap(),
                ..asked.clone()
            },
        ),
        (
            "backend",
            Question {
                backend: BackendKind::Nix,
                ..asked.clone()
            },
        ),
        (
            "subdir",
            with(NixInputs {
                subdir: "a".into(),
                ..asked.inputs.clone()
            }),
        ),
        (
            "attribute",
            with(NixInputs {
                attribute: "x".into(),
                ..asked.inputs.clone()
            }),
        ),
        (
            "submodules",
            with(NixInputs {
                submodules: true,
                ..asked.inputs.clone()
            }),
        ),
        ("file", with(plain)),
    ];
    for (wrong, question) in others {
        assert_ne!(question.file(), asked.file(), "{wrong}");
        let replayed = signed(Record {
            question,
            ..unsigned()
        });
        match read(&replayed) {
            Err(InvalidRecord::Other { field, .. }) => assert_eq!(field, wrong),
            other => panic!("{wrong}: {other:?}"),
        }
    }
}

#[test]
fn f07_a_signed_record_names_paths_of_the_store_and_a_plain_machine() {
    let digest = "0123456789abcdfghijklmnpqrsvwxyz";
    for bad in [
        "/nix/store/../../etc/shadow".to_owned(),
        format!("/nix/store/{digest}-x/../../../etc"),
        format!("/nix/store/{digest}-x/bin"),
        format!("/etc/{digest}-x"),
        format!("/var/lib/kiln/store/{digest}-x"),
        format!("/nix/store/{digest}-x y"),
        format!("/nix/store/{digest}-x\n"),
        format!("/nix/store/{digest}-x.drv"),
        format!("{digest}-x"),
        "--option".into(),
        "/nix/store/x".into(),
        "/nix/store".into(),
        String::new(),
    ] {
        let record = signed(Record {
            out_path: bad,
            ..unsigned()
        });
        let read = read(&record);
        assert!(
            matches!(
                read,
                Err(InvalidRecord::Path {
                    field: "outPath",
                    ..
                })
            ),
            "{read:?}"
        );
    }
    let no_drv = format!("/nix/store/{digest}-x");
    let read_drv = read(&signed(Record {
        drv_path: no_drv,
        ..unsigned()
    }));
    assert!(matches!(
        read_drv,
        Err(InvalidRecord::Path {
            field: "drvPath",
            ..
        })
    ));
    for bad in ["", "a\u{1b}[2J", &"a".repeat(201)] {
        let machine_id = Some(bad.to_owned());
        let read = read(&signed(Record {
            machine_id,
            ..unsigned()
        }));
        assert!(matches!(read, Err(InvalidRecord::MachineId)), "{read:?}");
    }
}

#[test]
fn f07_another_version_is_named_and_parts_keep_their_borders() {
    let text = signed(unsigned()).text();
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    let newer = Record::read(&newer, &question(), FOLDER, &[]);
    assert!(matches!(newer, Err(InvalidRecord::Version(2))), "{newer:?}");
    let later = text.replacen('{', "{\"more\":[],", 1);
    let trusted = SECRET.parse::<SecretKey>().unwrap().public();
    assert!(Record::read(&later, &question(), FOLDER, &[trusted]).is_ok());
    assert_ne!(framed(None), framed(Some("-".into())));
}

proptest! {
    #[test]
    fn f07_any_text_is_a_record_or_refused(text in "\\PC{0,200}") {
        prop_assert!(Record::read(&text, &question(), FOLDER, &[]).is_err());
    }
}
