use super::*;
use crate::backend::native::provider::sandbox::spec::User;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// A room over a folder with so many objects.
fn room(folder: &Path, objects: u32) -> RoomSpec {
    let store = folder.join("store");
    fs::create_dir_all(&store).unwrap();
    for number in 0..objects {
        fs::write(store.join(number.to_string()), "x").unwrap();
    }
    RoomSpec {
        user: User::Caller,
        network: false,
        resolvers: None,
        host_paths: Vec::new(),
        scratch: folder.to_owned(),
        folders: vec![store],
        in_memory: None,
    }
}

fn inputs(numbers: impl IntoIterator<Item = u32>) -> Inputs {
    let named = |number: u32| (number.to_string(), Object(0, number.to_string()));
    numbers.into_iter().map(named).collect()
}

/// A step in the room's process of this number; whether it had the view, how many
/// inputs it mounted itself, and what it asked for.
fn step(views: &mut Views, room: &RoomSpec, start: u64, wanted: Inputs) -> (bool, usize, Next) {
    let choice = views.choose(start, room, &wanted);
    let seen = (
        choice.view.is_some(),
        choice.inputs.len(),
        choice.next.clone(),
    );
    let scratch = room.scratch.join("scratch");
    fs::create_dir_all(scratch.join("store")).unwrap();
    views.ran(choice, room, wanted, &scratch).unwrap();
    seen
}

fn shown(next: &Next) -> Option<usize> {
    match next {
        Next::View { inputs, .. } => Some(inputs.len()),
        Next::Same | Next::Nothing => None,
    }
}

#[test]
fn a_view_is_made_of_what_two_steps_had_in_common_and_used_by_the_third() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), 30);
    let mut views = Views::default();
    assert_eq!(
        step(&mut views, &room, 0, inputs(0..20)),
        (false, 20, Next::Same)
    );
    let second = step(&mut views, &room, 0, inputs(5..25));
    assert_eq!(
        (second.0, second.1, shown(&second.2)),
        (false, 20, Some(15))
    );
    assert_eq!(
        step(&mut views, &room, 0, inputs(4..22)),
        (true, 3, Next::Same)
    );
}

#[test]
fn a_step_that_lacks_an_input_of_the_view_has_none_and_a_smaller_one_follows() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), 30);
    let mut views = Views::default();
    step(&mut views, &room, 0, inputs(0..20));
    step(&mut views, &room, 0, inputs(0..20));
    let lacking = step(&mut views, &room, 0, inputs(1..20));
    assert_eq!(
        (lacking.0, lacking.1, shown(&lacking.2)),
        (false, 19, Some(19))
    );
    assert!(step(&mut views, &room, 0, inputs(0..20)).0);
    // Nothing in common: what is mounted goes.
    assert_eq!(
        step(&mut views, &room, 0, inputs(20..30)),
        (false, 10, Next::Nothing)
    );
}

#[test]
fn a_few_inputs_and_links_are_mounted_by_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), 10);
    let mut views = Views::default();
    for _ in 0..3 {
        assert_eq!(
            step(&mut views, &room, 0, inputs(0..4)),
            (false, 4, Next::Same)
        );
    }
    let link = folder.path().join("store/7");
    fs::remove_file(&link).unwrap();
    symlink("6", &link).unwrap();
    step(&mut views, &room, 0, inputs(0..10));
    assert_eq!(shown(&step(&mut views, &room, 0, inputs(0..10)).2), Some(9));
    assert_eq!(
        step(&mut views, &room, 0, inputs(0..10)),
        (true, 1, Next::Same)
    );
}

#[test]
fn a_view_that_lacks_much_of_what_steps_have_in_common_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), 30);
    let mut views = Views::default();
    step(&mut views, &room, 0, inputs(0..8));
    step(&mut views, &room, 0, inputs(0..8));
    assert_eq!(
        step(&mut views, &room, 0, inputs(0..30)),
        (true, 22, Next::Same)
    );
    assert_eq!(
        step(&mut views, &room, 0, inputs(0..30)),
        (true, 22, Next::Nothing)
    );
    assert_eq!(
        shown(&step(&mut views, &room, 0, inputs(0..30)).2),
        Some(30)
    );
    assert_eq!(
        step(&mut views, &room, 0, inputs(0..30)),
        (true, 0, Next::Same)
    );
}

#[test]
fn an_object_that_is_another_now_and_a_room_that_was_started_anew_have_no_view() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), 20);
    let mut views = Views::default();
    let made = |views: &mut Views, start| {
        step(views, &room, start, inputs(0..20));
        step(views, &room, start, inputs(0..20));
    };
    made(&mut views, 0);
    let other = folder.path().join("other");
    fs::write(&other, "y").unwrap();
    fs::rename(&other, folder.path().join("store/3")).unwrap();
    assert!(!step(&mut views, &room, 0, inputs(0..20)).0);
    assert!(step(&mut views, &room, 0, inputs(0..20)).0);
    assert!(!step(&mut views, &room, 1, inputs(0..20)).0);
    // One that ended before its view was used, again and again, gets no further one.
    for start in 2..6 {
        step(&mut views, &room, start, inputs(0..20));
    }
    assert_eq!(
        step(&mut views, &room, 6, inputs(0..20)),
        (false, 20, Next::Same)
    );
    let folders = fs::read_dir(folder.path()).unwrap().flatten();
    let left = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with("view-"));
    assert_eq!(
        left.count(),
        0,
        "folders of views that are gone are removed"
    );
}

#[test]
fn what_a_step_left_in_the_view_is_moved_whatever_its_rights() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), 20);
    let mut views = Views::default();
    step(&mut views, &room, 0, inputs(0..20));
    step(&mut views, &room, 0, inputs(0..20));
    let wanted = inputs(0..20);
    let choice = views.choose(0, &room, &wanted);
    let store = folder
        .path()
        .join(choice.view.as_ref().unwrap())
        .join("store");
    let closed = store.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("in"), "x").unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();
    let others = folder.path().join("others");
    fs::write(&others, "x").unwrap();
    fs::set_permissions(&others, Permissions::from_mode(0o600)).unwrap();
    symlink(&others, store.join("link")).unwrap();
    fs::set_permissions(&store, Permissions::from_mode(0o000)).unwrap();
    let scratch = folder.path().join("scratch");
    views.ran(choice, &room, wanted, &scratch).unwrap();
    let moved = scratch.join("store/closed");
    assert_eq!(fs::symlink_metadata(&moved).unwrap().mode() & 0o777, 0o500);
    assert_eq!(
        fs::read_dir(&store).unwrap().count(),
        0,
        "the agent made no mount points"
    );
    fs::set_permissions(&moved, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(fs::read_link(scratch.join("store/link")).unwrap(), others);
    assert_eq!(
        fs::metadata(&others).unwrap().mode() & 0o777,
        0o600,
        "nobody followed the link"
    );
}

#[test]
fn a_room_that_ended_because_nobody_came_has_a_view_again() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path(), 20);
    let mut views = Views::default();
    for start in 0..6 {
        step(&mut views, &room, start, inputs(0..20));
        step(&mut views, &room, start, inputs(0..20));
        views.left = None; // long ago
    }
    step(&mut views, &room, 6, inputs(0..20));
    step(&mut views, &room, 6, inputs(0..20));
    assert!(step(&mut views, &room, 6, inputs(0..20)).0);
}
