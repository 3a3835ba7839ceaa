use super::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

fn resumed(n: u64) -> EventKind {
    EventKind::Resumed { by: n.to_string() }
}

struct Fixture {
    _folder: tempfile::TempDir,
    places: Places,
    index: Arc<Mutex<Vec<Event>>>,
    log: EventLog,
}

/// A log over an index that is a plain list.
fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::new(folder.path());
    let index: Arc<Mutex<Vec<Event>>> = Arc::default();
    let kept = Arc::clone(&index);
    let older = move |seq, size| {
        let kept = kept.lock().unwrap();
        kept.iter()
            .filter(|e| e.seq > seq)
            .take(size)
            .cloned()
            .collect()
    };
    Fixture {
        _folder: folder,
        places,
        index,
        log: EventLog::new(0, 1, Box::new(older)),
    }
}

impl Fixture {
    fn transition(&self, n: u64) {
        self.transition_of(&[resumed(n)]);
    }

    fn transition_of(&self, kinds: &[EventKind]) {
        let pending = self.log.begin(kinds, &self.places).unwrap();
        let mut index = self.index.lock().unwrap();
        index.extend(pending.durable().iter().map(|e| Event::clone(e)));
        drop(index);
        pending.publish();
    }
}

async fn read(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        match subscription.next().await.unwrap() {
            Item::Event(event) => seqs.push(event.seq),
            Item::Lagged { seq } => panic!("lagged to {seq}"),
        }
    }
    seqs
}

#[tokio::test]
async fn d07_replay_from_any_number_gives_every_event_once_in_order() {
    let fixture = fixture();
    let total = RING as u64 + 1000; // the oldest are in the index only
    for n in 0..total {
        match n % 3 {
            0 => fixture.transition(n),
            _ => fixture.log.progress(resumed(n)),
        }
    }
    fixture.transition(total);
    assert_eq!(fixture.log.lock().ring.len(), RING, "memory is bounded");
    for after in [0, 1, 17, 999, 1000, total - 1] {
        let mut subscription = fixture.log.subscribe(after);
        let seqs = read(&mut subscription, (total + 1 - after) as usize).await;
        assert_eq!(
            seqs,
            (after + 1..=total + 1).collect::<Vec<_>>(),
            "after {after}"
        );
    }
}

#[tokio::test]
async fn progress_during_a_transition_is_seen_behind_it() {
    let fixture = fixture();
    let mut subscription = fixture.log.subscribe(0);
    let pending = fixture.log.begin(&[resumed(1)], &fixture.places).unwrap();
    fixture.log.progress(resumed(2));
    assert_eq!(
        fixture.log.last_seq(),
        0,
        "nothing is seen before it is written"
    );
    pending.publish();
    assert_eq!(read(&mut subscription, 2).await, [1, 2]);
}

#[tokio::test]
async fn progress_beyond_the_numbers_reserved_waits_for_more_and_none_is_lost() {
    let fixture = fixture();
    let mut subscription = fixture.log.subscribe(0);
    let pending = fixture.log.begin(&[resumed(1)], &fixture.places).unwrap();
    // More than one reservation has room for, while a transition is written.
    let count = 2 * BLOCK;
    (0..count).for_each(|n| fixture.log.progress(resumed(n)));
    pending.publish();
    // What is due is written until nothing waits any more.
    let write = async {
        while fixture.log.last_seq() < 1 + count {
            fixture.log.due().await;
            fixture.transition_of(&[]);
        }
    };
    let wanted = usize::try_from(1 + count).unwrap();
    let (seqs, ()) = tokio::join!(read(&mut subscription, wanted), write);
    assert_eq!(seqs, (1..=1 + count).collect::<Vec<_>>());
}

#[tokio::test]
async fn d07_progress_on_a_disk_that_takes_nothing_keeps_to_its_bounds() {
    let fixture = fixture();
    // No number was ever reserved: nothing can be announced.
    (0..2 * DEFERRED as u64).for_each(|n| fixture.log.progress(resumed(n)));
    assert_eq!(fixture.log.last_seq(), 0);
    assert_eq!(fixture.log.lock().deferred.len(), DEFERRED);
    fixture.log.due().await;
    fixture.transition_of(&[]);
    let mut subscription = fixture.log.subscribe(0);
    match subscription.next().await {
        Some(Item::Event(first)) => assert_eq!(first.kind, resumed(DEFERRED as u64)),
        other => panic!("{other:?}"),
    }
}

/// Nobody who announces or reads waits for numbers that are being reserved.
#[tokio::test]
async fn c04_progress_and_readers_do_not_wait_for_the_disk() {
    let fixture = fixture();
    fixture.transition(1);
    fixture.log.lock().reserved = 1; // the next transition reserves
    let (log, places) = (fixture.log.clone(), fixture.places.clone());
    let (begun, gate) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let slow = {
        let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
        let stop = move |reserved| {
            begun.wait();
            gate.wait();
            replace_sequence(&places, reserved)
        };
        std::thread::spawn(move || log.reserve(1, stop).unwrap())
    };
    begun.wait();
    fixture.log.progress(resumed(2));
    assert_eq!(read(&mut fixture.log.subscribe(0), 1).await, [1]);
    gate.wait();
    slow.join().unwrap();
}

#[tokio::test]
async fn a_reader_waits_for_the_next_event_and_is_woken() {
    let fixture = fixture();
    fixture.transition(1);
    let mut subscription = fixture.log.subscribe(1);
    let seen = AtomicU64::new(0);
    let wait = async { seen.store(read(&mut subscription, 1).await[0], Ordering::Relaxed) };
    let write = async { fixture.transition(2) };
    tokio::join!(wait, write);
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn d07_a_reader_behind_what_is_kept_is_told_so() {
    let log = EventLog::new(1000, 501, Box::new(|_, _| Vec::new()));
    let mut subscription = log.subscribe(7);
    let item = subscription.ready_or_next().await;
    assert!(matches!(item, Item::Lagged { seq: 500 }), "{item:?}");
}

impl Subscription {
    async fn ready_or_next(&mut self) -> Item {
        self.next().await.unwrap()
    }
}
