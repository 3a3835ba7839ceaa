//! The Nix expressions kiln evaluates: what is looked for, and what is asked of it.

use serde::Deserialize;

/// What an evaluation comes to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Found {
        drv: String,
        out: String,
        machine: serde_json::Value,
    },
    /// There is no such name in the attribute before it.
    Missing {
        missing: String,
        known: Vec<String>,
        /// The names on the way to it.
        depth: usize,
    },
    /// The attribute is there, and nothing that can be built.
    Wrong {
        wrong: String,
        /// What of it is no derivation; empty: itself.
        #[serde(default)]
        of: String,
    },
    /// The names in the attribute, to [`Question::Names`].
    Names { names: Vec<String> },
}

/// What is asked about an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// What is built of it.
    Derivation,
    /// Which names it has.
    Names,
}

impl Question {
    /// The function of [`ASK`] that answers it.
    fn function(self) -> &'static str {
        match self {
            Question::Derivation => "ask",
            Question::Names => "list",
        }
    }
}

/// From the value of a flake's output, or of a file, to an [`Answer`]. A NixOS or
/// nix-darwin configuration is its system, one of home-manager its activation
/// package; anything else has to be a derivation. The system of a configuration
/// that is written out is still that configuration's, with its machine id.
const ASK: &str = r#"
  walk = value: rest: depth:
    if rest == [ ] then { inherit value; }
    else if !(builtins.isAttrs value) then { inherit depth; missing = builtins.head rest; known = [ ]; }
    else if value ? ${builtins.head rest} then walk value.${builtins.head rest} (builtins.tail rest) (depth + 1)
    else { inherit depth; missing = builtins.head rest; known = builtins.attrNames value; };
  list = top: names:
    let reached = walk top names 0; in
      if reached ? missing then reached
      else if builtins.isAttrs reached.value then { names = builtins.attrNames reached.value; }
      else { wrong = builtins.typeOf reached.value; };
  toplevel = [ "config" "system" "build" "toplevel" ];
  ask = top: names:
    let
      reached = walk top names 0;
      before = builtins.length names - builtins.length toplevel;
      isWrittenOut = before >= 0 && builtins.genList (i: builtins.elemAt names (before + i)) (builtins.length toplevel) == toplevel;
      owner =
        if isSystem then c
        else if isWrittenOut then (walk top (builtins.genList (builtins.elemAt names) before) 0).value
        else null;
      c = reached.value;
      isDerivation = v: builtins.isAttrs v && (v.type or null) == "derivation";
      isSystem = !(isDerivation c) && c ? config.system.build.toplevel;
      of =
        if isSystem then builtins.concatStringsSep "." toplevel
        else if !(isDerivation c) && c ? activationPackage then "activationPackage"
        else "";
      d =
        if isSystem then c.config.system.build.toplevel
        else if of != "" then c.activationPackage
        else c;
      kiln = owner.config.services.kiln.machineId or null;
    in
      if reached ? missing then reached
      else if !(isDerivation d) then { inherit of; wrong = builtins.typeOf d; }
      else {
        drv = d.drvPath;
        out = d.outPath;
        machine = if owner == null then null else if kiln != null then kiln else owner.config.services.comin.machineId or null;
      };
"#;

/// A text as Nix writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn list(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    format!("[ {} ]", quoted.join(" "))
}

/// The function for `nix eval --apply`, given what the first name names.
pub(super) fn of_flake(question: Question, names: &[String]) -> String {
    let rest = list(names.get(1..).unwrap_or_default());
    let function = question.function();
    format!("top: let {ASK} in {function} top {rest}")
}

/// The expression for a file of a commit that Nix reads from `repository`.
pub(super) fn of_file(
    commit: &Commit<'_>,
    file: &str,
    question: Question,
    names: &[String],
) -> String {
    let function = question.function();
    let Commit {
        url,
        reference,
        rev,
        submodules,
    } = commit;
    let (url, reference, rev) = (quoted(url), quoted(reference), quoted(rev));
    let (file, names) = (quoted(&format!("/{file}")), list(names));
    format!(
        "let {ASK}
  commit = builtins.fetchGit {{ url = {url}; ref = {reference}; rev = {rev}; submodules = {submodules}; }};
  value = import (commit + {file});
in {function} (if builtins.isFunction value then value {{ }} else value) {names}"
    )
}

/// Where Nix finds a commit.
#[derive(Debug)]
pub(super) struct Commit<'a> {
    /// `file:///var/lib/kiln/repository`
    pub url: &'a str,
    /// The ref it is reached by.
    pub reference: &'a str,
    pub rev: &'a str,
    pub submodules: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f01_names_are_texts_to_nix_whatever_they_hold() {
        let names = ["hosts", "a\"b", "${x}", "c\\"].map(str::to_owned);
        assert!(
            of_flake(Question::Derivation, &names)
                .ends_with(r#"in ask top [ "a\"b" "\${x}" "c\\" ]"#)
        );
    }

    #[test]
    fn answers_are_told_from_each_other() {
        let read = |json| serde_json::from_str::<Answer>(json).unwrap();
        assert!(matches!(
            read(r#"{"drv":"d","machine":null,"out":"o"}"#),
            Answer::Found { .. }
        ));
        assert!(matches!(
            read(r#"{"depth":0,"known":["a"],"missing":"b"}"#),
            Answer::Missing { .. }
        ));
        assert!(matches!(read(r#"{"wrong":"set"}"#), Answer::Wrong { .. }));
        assert!(serde_json::from_str::<Answer>("{}").is_err());
    }
}
