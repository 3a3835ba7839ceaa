//! How a path written in a `kiln.star` is understood. `//x` starts at the
//! repository's subdirectory, everything else in the folder of the file that
//! says it; nothing leads above the subdirectory.

/// A path from the subdirectory, without `.`, `..` or empty parts; `""` is the
/// subdirectory itself.
///
/// # Errors
/// Says what is wrong with the path and what to write.
pub fn resolve(folder: &str, written: &str) -> Result<String, String> {
    let (base, rest) = match written.strip_prefix("//") {
        Some(rest) => ("", rest),
        None => (folder, written),
    };
    if rest.starts_with('/') {
        return Err(format!(
            "{written:?} is a path of the host: evaluation sees only the files of the commit; \
             write \"//...\" for a path from the repository's folder"
        ));
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(format!(
                        "{written:?} leads out of the repository's folder: only files of the \
                         commit can be used"
                    ));
                }
            }
            part => parts.push(part),
        }
    }
    match parts.iter().find(|part| part.eq_ignore_ascii_case(".git")) {
        Some(_) => Err(format!(
            "{written:?} names Git's own folder, which is no part of a commit"
        )),
        None => Ok(parts.join("/")),
    }
}

/// The module a `load` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Module {
    /// A file of the commit, from the subdirectory.
    File(String),
    /// A file that kiln ships: `text.star`.
    Library(String),
}

/// What the first argument of a `load` in a file of `folder` means.
///
/// # Errors
/// Says which forms there are.
pub fn module(folder: &str, label: &str) -> Result<Module, String> {
    if let Some(name) = label.strip_prefix("@kiln//") {
        return Ok(Module::Library(name.to_owned()));
    }
    let path = match (label.strip_prefix(':'), label.starts_with("//")) {
        (Some(here), _) if !here.starts_with('/') => resolve(folder, here)?,
        (None, true) => resolve("", label)?,
        _ => {
            return Err(format!(
                "load({label:?}): write \"//lib/x.star\" from the repository's folder, \":x.star\" \
                 from this file's folder, or \"@kiln//text.star\""
            ));
        }
    };
    match path.ends_with(".star") {
        true => Ok(Module::File(path)),
        false => Err(format!("load({label:?}): a module's name ends in .star")),
    }
}

/// The folder part of a path.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Two paths joined; either may be empty.
pub fn join(folder: &str, name: &str) -> String {
    match (folder.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (false, true) => folder.to_owned(),
        (false, false) => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e04_paths_stay_inside_the_repositorys_folder() {
        assert_eq!(resolve("lib", "a/../b").unwrap(), "lib/b");
        assert_eq!(resolve("lib", "../x").unwrap(), "x");
        assert_eq!(resolve("lib", "//x").unwrap(), "x");
        assert_eq!(resolve("lib", ".").unwrap(), "lib");
        for outside in [
            "/etc/passwd",
            "../../x",
            "//../x",
            "///etc/passwd",
            ".git/config",
        ] {
            assert!(resolve("lib", outside).is_err(), "{outside}");
        }
        assert_eq!(
            module("lib", ":x.star"),
            Ok(Module::File("lib/x.star".into()))
        );
        for bad in [
            "x.star",
            "/x.star",
            "//x",
            ":/x.star",
            "//../x.star",
            "@other//x.star",
        ] {
            assert!(module("", bad).is_err(), "{bad}");
        }
    }
}
