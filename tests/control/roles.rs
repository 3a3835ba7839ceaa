//! Who may ask for what: roles by the kernel's word, as real users.

use crate::common::*;
use crate::support::*;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A number that is nobody's.
const STRANGER: u32 = 54_321;

/// Runs `kiln` as other users; they need a program and a folder they can reach.
struct People {
    program: std::path::PathBuf,
    member_group: nix::unistd::Group,
    reader: nix::unistd::User,
}

impl People {
    /// `None`, said aloud, where there is no right to become another user.
    fn new(home: &Home) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            // Past the capture of the test's output.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: only root can become another user"
            );
            return None;
        }
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(home.folder.path(), open).unwrap();
        let program = home.path("kiln");
        std::fs::copy(env!("CARGO_BIN_EXE_kiln"), &program).unwrap();
        Some(People {
            program,
            member_group: nix::unistd::Group::from_name("daemon").unwrap().unwrap(),
            reader: nix::unistd::User::from_name("nobody").unwrap().unwrap(),
        })
    }

    fn config(&self, home: &Home, remotes: &str) -> String {
        let (group, reader) = (&self.member_group.name, &self.reader.name);
        let grpc = format!("group = {group:?}\nreaders = [{reader:?}]\n");
        Agent::config(home, remotes).replace("group = \"\"\n", &grpc)
    }

    /// As a user who is in this group only by a supplementary one.
    fn run(&self, agent: &Agent<'_>, uid: u32, groups: Option<u32>, args: &[&str]) -> Said {
        let groups = match groups {
            Some(gid) => format!("--groups={gid}"),
            None => "--clear-groups".to_owned(),
        };
        let mut setpriv = command("setpriv");
        setpriv.args([
            format!("--reuid={uid}"),
            format!("--regid={STRANGER}"),
            groups,
        ]);
        setpriv
            .arg("--")
            .arg(&self.program)
            .arg("--socket")
            .arg(&agent.socket);
        let output = setpriv.args(args).current_dir("/").output().unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn member(&self, agent: &Agent<'_>, args: &[&str]) -> Said {
        self.run(agent, STRANGER, Some(self.member_group.gid.as_raw()), args)
    }

    fn reader(&self, agent: &Agent<'_>, args: &[&str]) -> Said {
        self.run(agent, self.reader.uid.as_raw(), None, args)
    }

    fn stranger(&self, agent: &Agent<'_>, args: &[&str]) -> Said {
        self.run(agent, STRANGER, None, args)
    }
}

#[test]
fn c02_members_change_readers_read_strangers_do_neither_and_refusals_are_recorded() {
    let home = Home::new();
    let Some(people) = People::new(&home) else {
        return;
    };
    let (_, agent) = built_by(&home, |remotes| people.config(&home, remotes));
    let mode = std::fs::metadata(&agent.socket).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o666, "roles decide each call");

    let reads: [&[&str]; 5] = [
        &["status"],
        &["generations"],
        &["show"],
        &["events"],
        &["baseline"],
    ];
    for read in reads {
        people.reader(&agent, read).ok();
        people.member(&agent, read).ok();
        let before = audit(&agent).len();
        let refused = people.stranger(&agent, read);
        assert_eq!(refused.code, Some(1), "{read:?}: {refused:?}");
        assert!(refused.stderr.contains("may not look at"), "{refused:?}");
        let lines = audit(&agent);
        assert!(lines.len() > before, "{read:?} is recorded");
        let line = lines.last().unwrap();
        assert_eq!(
            (&line["result"], &line["uid"]),
            (&"refused".into(), &STRANGER.into())
        );
    }
    let changes: [&[&str]; 6] = [
        &["suspend"],
        &["resume"],
        &["eval"],
        &["build"],
        &["cancel"],
        &["fetch"],
    ];
    for change in changes {
        for refused in [
            people.reader(&agent, change),
            people.stranger(&agent, change),
        ] {
            assert_eq!(refused.code, Some(1), "{change:?}: {refused:?}");
            assert!(refused.stderr.contains("may not change"), "{refused:?}");
            assert_eq!(recorded(&agent)["result"], "refused");
        }
    }
    assert_eq!(recorded(&agent)["action"], "Agent.Fetch");
    assert_eq!(agent.status()["latest"]["number"], 1, "nothing was done");

    people
        .member(&agent, &["suspend", "--reason", "kernel day"])
        .ok();
    let line = recorded(&agent);
    assert_eq!(line["action"], "Builder.Suspend");
    assert_eq!(line["result"], "done");
    assert_eq!(line["reason"], "kernel day");
    assert_eq!(line["via"], "unix");
    assert_eq!(line["user"], format!("uid {STRANGER}").as_str());
    // Whoever asks twice is told who was first, when and why.
    let twice = agent.kiln(&["suspend"]);
    for part in ["kernel day", &format!("uid {STRANGER}")] {
        assert!(twice.stderr.contains(part), "{twice:?}");
    }
    let by = &agent.status()["builder"]["suspension"]["by"];
    assert_eq!(by, format!("uid {STRANGER}").as_str());
    assert_eq!(recorded(&agent)["result"], "refused");
    assert_eq!(recorded(&agent)["user"], "root");
}

#[test]
fn c02_without_readers_the_socket_is_closed_to_all_but_its_group() {
    let home = Home::new();
    let Some(people) = People::new(&home) else {
        return;
    };
    let (_, agent) = built_by(&home, |remotes| {
        let config = people.config(&home, remotes).replace("0600", "0660");
        config.replace(&format!("readers = [{:?}]", people.reader.name), "")
    });
    assert_eq!(people.stranger(&agent, &["status"]).code, Some(3));
    people.member(&agent, &["status"]).ok();
}

#[test]
fn what_does_not_descend_from_the_baseline_is_evaluated_for_root_only() {
    let home = Home::new();
    let Some(people) = People::new(&home) else {
        return;
    };
    let (repository, agent) = built_by(&home, |remotes| people.config(&home, remotes));
    let first = repository.head();
    repository.git(&["checkout", "-q", "--orphan", "testing-web-1"]);
    let stolen = repository.commit(&HELLO.replace("MOTD", "from elsewhere"));
    repository.git(&["checkout", "-q", "main"]);
    agent.kiln(&["fetch"]).ok();

    let refused = people.member(&agent, &["eval", "testing-web-1", "--json"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert_eq!(refused.json()["error"]["code"], "PERMISSION_DENIED");
    for part in [&first, &stolen, "only root", "accept-reset"] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    let line = recorded(&agent);
    assert_eq!(line["action"], "Builder.Eval");
    assert_eq!(line["target"], "testing-web-1");
    assert_eq!(line["result"], "refused");
    assert_eq!(agent.status()["latest"]["number"], 1);

    // What descends from it is for members too.
    people.member(&agent, &["eval", "main", "--wait"]).ok();
    agent.kiln(&["eval", &stolen, "--wait"]).ok();
    assert!(
        recorded(&agent)["message"]
            .as_str()
            .unwrap()
            .contains(&stolen)
    );
    let status = agent.status();
    assert_eq!(status["current"]["commit"]["id"], stolen.as_str());
    assert_eq!(status["baseline"], first.as_str(), "it moves no baseline");

    for (args, code) in [
        (["eval", "no-such-branch"], "NOT_FOUND"),
        (["eval", "99"], "NOT_FOUND"),
        (["fetch", "no-such-remote"], "NOT_FOUND"),
    ] {
        let mut args = args.to_vec();
        args.push("--json");
        let said = agent.kiln(&args);
        assert_eq!(said.json()["error"]["code"], code, "{args:?}");
        assert_eq!(said.code, Some(1));
    }
}
