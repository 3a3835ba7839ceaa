//! `[[hooks]]`: the owner's commands after an outcome.

use super::command::owned_command;
use super::error::Problem;
use super::reader::Section;
use crate::model::{HookName, HookPlan, Occasion};
use nix::unistd::{User, geteuid};
use std::path::Path;
use std::time::Duration;

/// A command of the host's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub name: HookName,
    /// Each at most once.
    pub on: Vec<Occasion>,
    /// The first is an absolute path; see [`super::owned_command`].
    pub command: Vec<String>,
    /// `None`: as the agent.
    pub user: Option<String>,
    /// Of one attempt.
    pub timeout: Duration,
    /// Beyond the first attempt.
    pub retries: u32,
}

const KEYS: [&str; 6] = ["name", "on", "command", "user", "timeout", "retries"];

/// All hooks, in the order they run; each name once.
pub(super) fn read(top: &Section<'_>) -> Result<Vec<Hook>, Problem> {
    let mut hooks: Vec<Hook> = Vec::new();
    for section in top.items("hooks", &KEYS)? {
        let hook = Hook::read(&section)?;
        if hooks.iter().any(|known| known.name == hook.name) {
            let name = hook.name.as_str();
            let message = format!("{name:?} is the name of another hook already");
            return Err(section.problem("name", &message));
        }
        hooks.push(hook);
    }
    Ok(hooks)
}

/// Which of them run after what.
pub fn plan(hooks: &[Hook]) -> HookPlan {
    let entry = |hook: &Hook| (hook.name.clone(), hook.on.clone());
    HookPlan(hooks.iter().map(entry).collect())
}

impl Hook {
    fn read(section: &Section<'_>) -> Result<Self, Problem> {
        section.require("name")?;
        section.require("command")?;
        Ok(Hook {
            name: section.parsed("name", "")?,
            on: occasions(section)?,
            command: command(section)?,
            user: user(section)?,
            timeout: section.duration("timeout", "15m")?,
            retries: section.number("retries", 3, 0..=100)?,
        })
    }
}

fn occasions(section: &Section<'_>) -> Result<Vec<Occasion>, Problem> {
    let words = [
        ("built", Occasion::Built),
        ("failed", Occasion::Failed),
        ("suspended", Occasion::Suspended),
        ("resumed", Occasion::Resumed),
        ("refused", Occasion::Refused),
    ];
    let mut on = section.choices("on", &["built"], &words)?;
    on.sort_unstable();
    on.dedup();
    match on.is_empty() {
        true => Err(section.problem("on", "it is empty: the hook would never run")),
        false => Ok(on),
    }
}

fn command(section: &Section<'_>) -> Result<Vec<String>, Problem> {
    let command = section.texts("command", &[])?;
    if command.iter().any(|word| word.contains('\0')) {
        return Err(section.problem("command", "no word of it may hold a zero byte"));
    }
    let Some(program) = command.first() else {
        return Err(section.problem("command", "it is empty; write [\"/path/to/program\"]"));
    };
    match owned_command(Path::new(program)) {
        Ok(_) => Ok(command),
        Err(error) => Err(section.problem("command", &error.to_string())),
    }
}

fn user(section: &Section<'_>) -> Result<Option<String>, Problem> {
    let Some(name) = section.optional("user")? else {
        return Ok(None);
    };
    let found = User::from_name(&name);
    match found {
        Ok(Some(user)) if geteuid().is_root() || user.uid == geteuid() => Ok(Some(name)),
        Ok(Some(_)) => Err(section.problem("user", "only root can run a hook as another user")),
        Ok(None) => Err(section.problem("user", &format!("there is no user {name:?} here"))),
        Err(error) => Err(section.problem("user", &format!("looking {name:?} up: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const REMOTE: &str = "[[remotes]]\nname = \"origin\"\nurl = \"/srv/infra.git\"\n";

    fn error(text: &str) -> String {
        parse(text, "kiln.toml").expect_err(text).to_string()
    }

    #[test]
    fn hooks_are_read_in_their_order_with_the_defaults_of_the_contract() {
        let text = "[[hooks]]\nname = \"apply\"\ncommand = [\"/bin/sh\", \"-c\", \"\"]\n\
                    [[hooks]]\nname = \"tell\"\non = [\"refused\", \"failed\", \"failed\"]\n\
                    command = [\"/bin/sh\"]\ntimeout = \"5s\"\nretries = 0\n";
        let hooks = parse(&format!("{REMOTE}{text}"), "f").unwrap().hooks;
        let [apply, tell] = hooks.as_slice() else {
            panic!("{hooks:?}");
        };
        assert_eq!((apply.name.as_str(), apply.command.len()), ("apply", 3));
        assert_eq!(apply.on, [Occasion::Built]);
        assert_eq!((apply.timeout.as_secs(), apply.retries), (900, 3));
        assert_eq!(tell.on, [Occasion::Failed, Occasion::Refused]);
        assert_eq!((tell.timeout.as_secs(), tell.retries), (5, 0));
        assert_eq!((&apply.user, &tell.user), (&None, &None));
    }

    #[test]
    fn wrong_hooks_are_shown_at_their_place() {
        for (lines, wrong) in [
            ("command = [\"/bin/sh\"]", "5:1: `hooks.1.name` is missing"),
            ("name = \"a\"", "5:1: `hooks.a.command` is missing"),
            (
                "name = \"a/b\"\ncommand = [\"/bin/sh\"]",
                "5:8: `hooks.a/b.name`: hook name \"a/b\" is not valid: it may not contain '/'",
            ),
            (
                "name = \"a\"\ncommand = []",
                "6:11: `hooks.a.command`: it is empty; write [\"/path/to/program\"]",
            ),
            (
                "name = \"a\"\ncommand = [\"bin/sh\"]",
                "6:11: `hooks.a.command`: bin/sh must be an absolute path without ..",
            ),
            (
                "name = \"a\"\ncommand = [\"/etc/passwd\"]",
                "6:11: `hooks.a.command`: /etc/passwd is not executable; type: chmod +x /etc/passwd",
            ),
            (
                "name = \"a\"\ncommand = [\"/nonexistent\"]",
                "6:11: `hooks.a.command`: cannot look at /nonexistent: No such file or directory (os error 2)",
            ),
            (
                "name = \"a\"\ncommand = [\"/bin/sh\"]\non = [\"build\"]",
                "7:6: `hooks.a.on`: \"build\" is not known; did you mean \"built\"?",
            ),
            (
                "name = \"a\"\ncommand = [\"/bin/sh\"]\non = []",
                "7:6: `hooks.a.on`: it is empty: the hook would never run",
            ),
            (
                "name = \"a\"\ncommand = [\"/bin/sh\"]\nuser = \"nobody-at-all\"",
                "7:8: `hooks.a.user`: there is no user \"nobody-at-all\" here",
            ),
            (
                "name = \"a\"\ncommand = [\"/bin/sh\"]\n[[hooks]]\nname = \"a\"\ncommand = [\"/bin/sh\"]",
                "8:8: `hooks.a.name`: \"a\" is the name of another hook already",
            ),
            (
                "name = \"a\"\ncommand = [\"/bin/sh\"]\nretrys = 3",
                "7:1: unknown key `retrys` in `hooks.a`; did you mean `retries`?",
            ),
        ] {
            let error = error(&format!("{REMOTE}[[hooks]]\n{lines}"));
            let first = error.lines().next().unwrap();
            assert_eq!(first, format!("kiln.toml:{wrong}"));
        }
    }
}
