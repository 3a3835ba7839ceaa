//! Rules for texts that become names, paths and settings. Each `Err` is a
//! whole message.

use std::time::Duration;

/// Folders inside folders that a tree may have.
const MAX_FOLDERS: usize = 128;

/// A store object's name.
pub fn store_name(what: &str, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-._?=".contains(c);
    let why = if name.is_empty() {
        "may not be empty".to_owned()
    } else if name.len() > 190 {
        format!("has {} characters, 190 are allowed", name.len())
    } else if name.starts_with('.') {
        "may not begin with '.'".to_owned()
    } else if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        format!("may not contain {bad:?}: letters, digits and + - . _ ? = are allowed")
    } else {
        return Ok(());
    };
    Err(format!("{what} {name:?} {why}"))
}

/// The nearest valid store name to a file's name.
pub fn to_store_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-._?=".contains(c);
    let name: String = (name.trim_start_matches('.').chars())
        .map(|c| if allowed(c) { c } else { '-' })
        .take(190)
        .collect();
    match name.is_empty() {
        true => "source".to_owned(),
        false => name,
    }
}

/// An environment variable's name.
pub fn variable(what: &str, name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let valid =
        chars.next().is_some_and(first) && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    match valid {
        true => Ok(()),
        false => Err(format!(
            "{what} {name:?} is no variable's name: letters, digits and _, not beginning with a digit"
        )),
    }
}

/// A path inside a tree.
pub fn tree_path(path: &str) -> Result<(), String> {
    let why = if path.is_empty() {
        "is empty"
    } else if path.starts_with('/') {
        "is absolute: paths in a tree are relative, like \"etc/hostname\""
    } else if path.split('/').any(str::is_empty) {
        "has an empty part ('//' or a '/' at the end)"
    } else if path.split('/').any(|part| part == "." || part == "..") {
        "has a part '.' or '..'"
    } else if path.split('/').any(|part| part.len() > 255) || path.len() > 4000 {
        "is too long: 255 bytes for a part, 4000 in all"
    } else if path.split('/').count() > MAX_FOLDERS + 1 {
        "lies deeper than 128 folders"
    } else if path.contains('\0') {
        "contains a NUL"
    } else if path == ".kiln" || path.starts_with(".kiln/") {
        "lies in .kiln, which is kiln's own"
    } else {
        return Ok(());
    };
    Err(format!("the path {path:?} {why}"))
}

/// A path of the host, as `needs` names it.
pub fn host_path(path: &str) -> Result<(), String> {
    let climbs = path.split('/').any(|part| part == "..");
    match path.starts_with('/') && !climbs && !path.contains('\0') {
        true => Ok(()),
        false => Err(format!(
            "needs: {path:?} is no absolute path without '..', like \"/usr/sbin/nginx\""
        )),
    }
}

/// `x86_64-linux`, ...
pub fn system(system: &str) -> Result<(), String> {
    let word = |word: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !word.is_empty() && word.chars().all(known)
    };
    match system.split_once('-') {
        Some((machine, os)) if word(machine) && word(os) => Ok(()),
        _ => Err(format!(
            "system {system:?} does not read like \"x86_64-linux\""
        )),
    }
}

/// `"1h30m"`, `"10m"`, `"90s"`: whole seconds, at least one.
pub fn duration(text: &str) -> Result<u64, String> {
    let bad = || format!("timeout {text:?} does not read like \"90s\", \"10m\" or \"1h30m\"");
    let mut total = 0u64;
    let mut rest = text;
    let mut units: &[(char, u64)] = &[('d', 86400), ('h', 3600), ('m', 60), ('s', 1)];
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let count: u64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit = rest[digits..].chars().next().ok_or_else(bad)?;
        let at = units
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(bad)?;
        let seconds = count.checked_mul(units[at].1).ok_or_else(bad)?;
        total = total.checked_add(seconds).ok_or_else(bad)?;
        units = &units[at + 1..];
        rest = &rest[digits + 1..];
    }
    match total {
        0 => Err(bad()),
        total if Duration::from_secs(total) > Duration::from_secs(366 * 86400) => {
            Err(format!("timeout {text:?} is longer than a year"))
        }
        total => Ok(total),
    }
}

/// `sha256-` and the base 64 of 32 bytes.
pub fn hash(hash: &str) -> Result<(), String> {
    match is_base64_hash(hash) {
        true => Ok(()),
        false => Err(format!(
            "output_hash {hash:?} is not \"sha256-\" followed by the base64 of 32 bytes (44 characters)"
        )),
    }
}

/// The hash of downloaded bytes: hex as `sha256sum` prints it, or as [`hash`].
pub fn sha256(hash: &str) -> Result<(), String> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    match is_base64_hash(hash) || (hash.len() == 64 && hash.chars().all(hex)) {
        true => Ok(()),
        false => Err(format!(
            "sha256 {hash:?} is neither 64 hex digits (0-9 a-f), as sha256sum prints them, nor \"sha256-\" \
             and base64 (44 characters); \"\" makes the build print the line to write"
        )),
    }
}

fn is_base64_hash(hash: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    let last = "AEIMQUYcgkosw048"; // 32 bytes leave two bits of the last digit unused
    hash.strip_prefix("sha256-").is_some_and(|digits| {
        digits.len() == 44
            && digits
                .strip_suffix('=')
                .is_some_and(|digits| digits.chars().all(base64))
            && last.contains(&digits[42..43])
    })
}

/// Where a file is fetched from. Characters a URL may not hold are refused, not
/// mended: mirrors and logs show it as it is written.
pub fn url(text: &str) -> Result<(), String> {
    /// No server takes a longer one.
    const LONGEST: usize = 8192;
    let bad = |why: &str| Err(format!("url {text:?} {why}"));
    if text.len() > LONGEST {
        return Err(format!(
            "url has {} bytes, {LONGEST} are allowed",
            text.len()
        ));
    }
    if let Some(c) = text
        .chars()
        .find(|c| !c.is_ascii_graphic() || "\\\"<>^`{|}".contains(*c))
    {
        return bad(&format!("holds {c:?}: percent-encode it"));
    }
    let url = match url::Url::parse(text) {
        Ok(url) => url,
        Err(error) => return bad(&format!("is no URL ({error}): write https://host/path")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return bad("is neither https nor http");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "the url of {} holds a user or password, which everybody who reads the repository would \
             know: put them into netrc_file of the host's configuration",
            url.host_str().unwrap_or_default()
        ));
    }
    match url.fragment() {
        Some(_) => bad("has a fragment ('#'), which no server sees"),
        None => Ok(()),
    }
}

/// An octal file mode as text: `"0440"`.
pub fn mode(mode: &str) -> Result<(), String> {
    let octal = mode.chars().all(|c| ('0'..='7').contains(&c));
    match octal && (3..=4).contains(&mode.len()) {
        true => Ok(()),
        false => Err(format!(
            "mode {mode:?} is not 3 or 4 octal digits, like \"0440\""
        )),
    }
}

/// A user's or group's name, or its number.
pub fn account(what: &str, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.$".contains(c);
    match !name.is_empty()
        && name.len() <= 32
        && !name.starts_with('-')
        && name.chars().all(allowed)
    {
        true => Ok(()),
        false => Err(format!("{what} {name:?} is no name of an account")),
    }
}

/// A secret's name: one file beneath `/run/kiln/secrets`.
pub fn secret(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    match !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && name.chars().all(allowed)
    {
        true => Ok(()),
        false => Err(format!(
            "secret {name:?}: a name has letters, digits, '_', '-' and '.', and does not begin with '.'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("10m"), Ok(600));
        assert_eq!(duration("1h30m"), Ok(5400));
        for bad in [
            "",
            "10",
            "m",
            "0s",
            "30m1h",
            "1m1m",
            "-1s",
            "99999999999999999999s",
            "999d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_paths_that_would_break_a_tree_or_a_store_are_refused() {
        for bad in ["", ".x", "a b", "a/b", "ä", "a\n"] {
            assert!(store_name("name", bad).is_err(), "{bad}");
            assert!(store_name("name", &to_store_name(bad)).is_ok(), "{bad}");
        }
        for bad in ["", "/etc", "a//b", "a/", "../a", "a/./b", ".kiln/x", "a\0"] {
            assert!(tree_path(bad).is_err(), "{bad}");
        }
        assert!(hash("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").is_ok());
        for bad in [
            "sha256-x",
            "md5-47DE",
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        ] {
            assert!(hash(bad).is_err(), "{bad}");
        }
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(sha256(hex).is_ok() && sha256(&hex.to_uppercase()).is_err());
        assert!(sha256("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").is_ok());
        for good in [
            "https://h/a.tar.gz",
            "http://[::1]:8080/?x=%20",
            "HTTPS://h",
        ] {
            assert_eq!(url(good), Ok(()));
        }
        for bad in [
            "",
            "h/a",
            "file:///etc/passwd",
            "ftp://h/a",
            "https://",
            "https://u:secret@h/a",
            "https://h/a b",
            "https://h/\u{e4}",
            "https://h/a#b",
            "https://h:99999/",
        ] {
            let said = url(bad).unwrap_err();
            assert!(!said.contains("secret"), "{said}");
        }
        assert!(system("x86_64-linux").is_ok() && system("linux").is_err());
        assert!(mode("0440").is_ok() && mode("0o440").is_err());
    }
}
