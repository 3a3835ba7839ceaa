//! How long a line of a step takes to somebody who follows the log of a real agent.

use crate::common::{Agent, Home, Repository};
use crate::support::{flake, has_nix, make_removable, options, step, system};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

const LINES: usize = 50;
/// Within this a line is with whoever follows.
const LIMIT: f64 = 100.0;

/// The step prints a line as soon as it is told to, `kiln log --follow` is read.
pub fn latency() {
    assert!(has_nix());
    let home = Home::new();
    std::fs::create_dir(home.path("gate")).unwrap();
    let repository = Repository::new(home.path("work"));
    let script = format!(
        "echo begun; i=0; while [ $i -lt {LINES} ]; do read told < /gate/$i; echo line $i; i=$((i+1)); done; echo > $out"
    );
    for line in 0..LINES {
        let gate = home.path("gate").join(line.to_string());
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    repository.write("flake.nix", &flake(&system("", &step("talks", &script))));
    repository.commit_all("a step that talks");
    let agent = Agent::configured(&home, &config(&home, &repository));
    let times = follow(&home, &agent);
    agent.built(1);
    let (median, most) = (crate::median(&times), times.iter().max().unwrap());
    let most = most.as_secs_f64() * 1000.0;
    println!(
        "a line of a step, at `kiln log --follow`: {median:.0} ms, at most {most:.0} (limit {LIMIT}): {}",
        crate::verdict(median <= LIMIT)
    );
    drop(agent);
    make_removable(home.folder.path());
}

fn config(home: &Home, repository: &Repository) -> String {
    let url = repository.path.to_str().unwrap();
    let nix: String = options(&home.path("store"))
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "sandbox-paths" => {
                format!(
                    "{name} = \"{value} /gate={}\"\n",
                    home.path("gate").display()
                )
            }
            _ => format!("{name} = {value:?}\n"),
        })
        .collect();
    Agent::config(
        home,
        &format!(
            "[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"0s\"\n\
             [backend]\nkind = \"nix-flake\"\n[nix.options]\n{nix}"
        ),
    )
}

/// Each line's time from when the step was told to print it.
fn follow(home: &Home, agent: &Agent<'_>) -> Vec<Duration> {
    let started = |event: &serde_json::Value| event["stepStarted"]["derivation"] == "talks";
    agent.events().until(started);
    let mut kiln = home.command();
    kiln.arg("--socket")
        .arg(&agent.socket)
        .args(["log", "--follow"]);
    let mut kiln = kiln.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(kiln.stdout.take().unwrap()).lines();
    let mut heard = |text: &str| {
        let found = said.by_ref().any(|line| line.unwrap() == text);
        assert!(found, "{text} never came");
    };
    heard("begun");
    let times = (0..LINES).map(|line| {
        // At any time since a follower last looked.
        std::thread::sleep(Duration::from_millis(37 + 7 * (line as u64 % 10)));
        let began = Instant::now();
        std::fs::write(home.path("gate").join(line.to_string()), "now\n").unwrap();
        heard(&format!("line {line}"));
        began.elapsed()
    });
    let times = times.collect();
    kiln.wait().unwrap();
    times
}
