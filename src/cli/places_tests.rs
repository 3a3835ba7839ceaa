use super::*;
use std::os::unix::net::UnixListener;

fn env(root: &Path) -> Environment {
    Environment {
        runtime_dir: Some(root.join("run")),
        state_home: Some(root.join("state")),
        ..Environment::default()
    }
}

fn listen(socket: &Path) -> UnixListener {
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    UnixListener::bind(socket).unwrap()
}

#[test]
fn a_dev_agents_places_are_named_after_folder_and_path() {
    let place = dev(&env(Path::new("/x")), Path::new("/home/ada/infra")).unwrap();
    assert_eq!(place.state, Path::new("/x/state/kiln/dev/infra-0c4fadfe"));
    assert_eq!(place.socket, Path::new("/x/run/kiln/infra-0c4fadfe.sock"));
    let without = Environment {
        runtime_dir: None,
        ..env(Path::new("/x"))
    };
    let place = dev(&without, Path::new("/home/ada/infra")).unwrap();
    assert_eq!(
        place.socket,
        Path::new("/x/state/kiln/dev/infra-0c4fadfe/kiln.sock")
    );
    assert!(
        dev(&Environment::default(), Path::new("/a")).is_none(),
        "no home, no place"
    );
}

#[test]
fn a_dev_agent_whose_state_is_named_has_a_socket_of_its_own_and_is_found_from_its_repository() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (env, none) = (env(&root), root.join("none"));
    let repository = root.join("infra");
    fs::create_dir_all(repository.join(".git")).unwrap();
    let usual = dev(&env, &repository).unwrap();
    assert_eq!(dev_in(&env, &repository, usual.state.clone()), usual);
    let [one, other] = ["/s/a", "/s/b"].map(|state| dev_in(&env, &repository, state.into()));
    assert_eq!(one.state, Path::new("/s/a"));
    assert!(one.socket.starts_with(root.join("run/kiln")));
    assert!(one.socket != other.socket && one.socket != usual.socket);
    let without = Environment {
        runtime_dir: None,
        ..env.clone()
    };
    let place = dev_in(&without, &repository, "/s/a".into());
    assert_eq!(place.socket, Path::new("/s/a/kiln.sock"));

    let chosen = || choose(&env, &repository, None, &none);
    let _one = listen(&one.socket);
    assert_eq!(chosen().unwrap(), one.socket);
    let _other = listen(&other.socket);
    match chosen() {
        Err(CliError::Problem(problem)) => assert!(
            problem.hint.contains(other.socket.to_str().unwrap()),
            "{problem:?}"
        ),
        found => panic!("{found:?}"),
    }
    let _usual = listen(&usual.socket);
    assert_eq!(chosen().unwrap(), usual.socket);
}

#[test]
fn odd_folder_names_still_make_plain_short_names() {
    for path in ["/", "/...", "/a b\nc", &format!("/{}", "x".repeat(250))] {
        let name = dev_name(Path::new(path));
        assert!(
            name.len() < 60 && !name.contains(['/', ' ', '\n']) && !name.starts_with('.'),
            "{name}"
        );
    }
    assert_ne!(dev_name(Path::new("/a/x")), dev_name(Path::new("/b/x")));
}

#[test]
fn sockets_are_looked_for_in_the_order_of_the_contract() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let env = env(&root);
    let repository = root.join("infra");
    let inside = repository.join("hosts/web");
    fs::create_dir_all(&inside).unwrap();
    fs::create_dir(repository.join(".git")).unwrap();
    let system = root.join("kiln.sock");
    let chosen = |named: Option<&Path>| choose(&env, &inside, named, &system).unwrap();

    assert_eq!(
        chosen(None),
        system,
        "nothing runs: the system's is what is missing"
    );
    let other = dev(&env, &root.join("elsewhere")).unwrap().socket;
    let _other = listen(&other);
    assert_eq!(chosen(None), other, "the only running dev agent");
    let _system = listen(&system);
    assert_eq!(
        chosen(None),
        system,
        "before dev agents of other repositories"
    );
    let here = dev(&env, &repository).unwrap().socket;
    let _here = listen(&here);
    assert_eq!(chosen(None), here, "the repository one stands in");
    assert_eq!(chosen(Some(Path::new("/named"))), Path::new("/named"));
    let from_variable = Environment {
        socket: Some("/variable".into()),
        ..env.clone()
    };
    let found = choose(&from_variable, &inside, None, &system).unwrap();
    assert_eq!(found, Path::new("/variable"));
}

#[test]
fn several_dev_agents_are_named_and_none_is_guessed() {
    let root = tempfile::tempdir().unwrap();
    let env = env(root.path());
    let sockets = ["a", "b"].map(|name| dev(&env, Path::new(name)).unwrap().socket);
    let _listening = sockets.each_ref().map(|socket| listen(socket));
    match choose(&env, root.path(), None, &root.path().join("none")) {
        Err(CliError::Problem(problem)) => {
            assert!(
                problem.hint.contains(sockets[1].to_str().unwrap()),
                "{problem:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stale_dev_socket_does_not_count_as_running() {
    let root = tempfile::tempdir().unwrap();
    let env = env(root.path());
    drop(listen(&dev(&env, root.path()).unwrap().socket));
    let system = root.path().join("none");
    assert_eq!(choose(&env, root.path(), None, &system).unwrap(), system);
}
