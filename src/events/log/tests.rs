use super::*;
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
        let pending = self.log.begin(&[resumed(n)], &self.places).unwrap();
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
            _ => drop(fixture.log.progress(resumed(n))),
        }
    }
    fixture.transition(total);
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

#[tokio::test]
async fn progress_that_nothing_is_written_for_is_bounded_and_goes_on() {
    let fixture = fixture();
    let total = DEFERRED as u64 + 100;
    for n in 1..=total {
        assert!(fixture.log.progress(resumed(n)) <= DEFERRED);
    }
    let mut subscription = fixture.log.subscribe(0);
    let mut seen = 0;
    // Each transition has numbers for a part of it.
    while seen < DEFERRED {
        fixture.transition(0);
        let visible = fixture.log.last_seq();
        while subscription.cursor < visible {
            let item = subscription.next().await.unwrap();
            let Item::Event(event) = item else {
                panic!("{item:?}")
            };
            seen += usize::from(!event.durable);
        }
    }
    assert_eq!(seen, DEFERRED, "the newest, and each once");
}
