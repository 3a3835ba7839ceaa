use super::*;
use crate::events::Event;
use crate::model::{Generation, Suspension};
use crate::state::files::Sequence;
use crate::state::transition::Transition;

/// Decodes and encodes again: both must be possible for ever.
fn again<T: Serialize + DeserializeOwned>(bytes: &[u8], what: &Path) -> Value {
    let value: T = decode(bytes, what).unwrap_or_else(|error| panic!("{error}"));
    serde_json::from_slice(&encode(&value).unwrap()).unwrap()
}

/// Everything `old` says is still said by `new`.
fn keeps(old: &Value, new: &Value, at: &str) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let missing = Value::Null; // what is none may be left out
                keeps(
                    value,
                    new.get(key).unwrap_or(&missing),
                    &format!("{at}.{key}"),
                );
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            assert_eq!(old.len(), new.len(), "{at}");
            for (n, (old, new)) in old.iter().zip(new).enumerate() {
                keeps(old, new, &format!("{at}[{n}]"));
            }
        }
        (old, new) => assert_eq!(old, new, "{at}"),
    }
}

#[test]
fn d05_records_of_every_version_are_understood_and_keep_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records-v1");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let kind = name.split(['-', '.']).next().unwrap();
        let new = match kind {
            "generation" => again::<Generation>(&bytes, &path),
            "suspension" => again::<Suspension>(&bytes, &path),
            "sequence" => again::<Sequence>(&bytes, &path),
            "event" => again::<Event>(&bytes, &path),
            "transition" => again::<Transition>(&bytes, &path),
            other => panic!("{name}: what is a {other}?"),
        };
        let mut old: Value = serde_json::from_slice(&bytes).unwrap();
        old["version"] = RECORD_VERSION.into();
        keeps(&old, &new, &name);
        seen += 1;
    }
    assert!(seen >= 37, "only {seen} records");
}

fn says(bytes: &[u8], migrations: &[Migration]) -> Result<String, StateError> {
    #[derive(Deserialize)]
    struct Greeting {
        text: String,
    }
    let greeting = decode_with::<Greeting>(bytes, Path::new("greeting.json"), migrations);
    greeting.map(|greeting| greeting.text)
}

fn rename(value: &mut Value) {
    value["text"] = value["words"].take();
}

fn shout(value: &mut Value) {
    value["text"] = value["text"]
        .as_str()
        .unwrap_or_default()
        .to_uppercase()
        .into();
}

#[test]
fn d05_an_older_record_goes_through_every_change_since_and_a_newer_one_is_refused() {
    let migrations: &[Migration] = &[rename, shout];
    let read = |bytes: &[u8]| says(bytes, migrations);
    assert_eq!(read(br#"{"version":1,"words":"hello"}"#).unwrap(), "HELLO");
    assert_eq!(read(br#"{"version":2,"text":"hello"}"#).unwrap(), "HELLO");
    assert_eq!(read(br#"{"version":3,"text":"hello"}"#).unwrap(), "hello");
    let newer = read(br#"{"version":4,"text":"hello"}"#).unwrap_err();
    assert!(
        matches!(
            newer,
            StateError::Newer {
                found: 4,
                known: 3,
                ..
            }
        ),
        "{newer}"
    );
    let zero = read(br#"{"version":0,"text":"hello"}"#).unwrap_err();
    assert!(matches!(zero, StateError::Unexpected { .. }), "{zero}");
}
