//! Clients that leave.

use crate::common::*;
use crate::support::*;

/// Files, sockets and watches the agent holds.
fn descriptors(agent: &Agent<'_>) -> usize {
    let folder = format!("/proc/{}/fd", agent.pid());
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn c03_a_client_killed_in_the_middle_of_a_stream_frees_everything_it_held() {
    let home = Home::new();
    let (repository, agent) = built(&home);
    let mark = mark(4);
    sleeps(
        &agent,
        &repository,
        &mark,
        &format!("echo begun; sleep {mark}; echo > $out"),
    );
    let streams: [&[&str]; 2] = [&["events", "--follow", "--json"], &["log", "2", "--follow"]];
    let mut clients = Vec::new();
    for stream in streams.repeat(4) {
        let mut kiln = home.command();
        kiln.arg("--socket").arg(&agent.socket).args(stream);
        let mut child = kiln.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
        clients.push(child);
    }
    let connected = descriptors(&agent);
    for client in &mut clients {
        client.kill().unwrap();
        client.wait().unwrap();
    }
    wait_for(|| (descriptors(&agent) + clients.len() <= connected).then_some(()));
    assert_eq!(
        agent.status()["builder"]["phase"],
        "PHASE_BUILDING",
        "the build goes on"
    );
    agent.kiln(&["cancel"]).ok();
}
