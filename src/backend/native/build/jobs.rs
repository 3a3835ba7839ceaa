//! The jobs of one build: each has a task or a thread of its own and says once
//! what it came to, which may be before it is done. All are awaited in the end.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinError, JoinSet};

/// Jobs that come to a `T` each.
pub(super) struct Jobs<T> {
    tasks: JoinSet<()>,
    /// Bounded by the jobs: each puts one word into it.
    words: UnboundedSender<Option<T>>,
    heard: UnboundedReceiver<Option<T>>,
    /// Jobs of which nothing was heard yet.
    open: usize,
    /// The first job that could not go on.
    broken: Option<JoinError>,
}

/// The one word of a job. Dropped unsaid, for whatever reason, that is heard too.
pub(super) struct Report<T>(Option<UnboundedSender<Option<T>>>);

impl<T: Send + 'static> Jobs<T> {
    pub fn new() -> Self {
        let (words, heard) = unbounded_channel();
        Jobs {
            tasks: JoinSet::new(),
            words,
            heard,
            open: 0,
            broken: None,
        }
    }

    /// Starts what waits.
    pub fn spawn(&mut self, job: impl Future<Output = T> + Send + 'static) {
        let report = self.report();
        self.tasks.spawn(async move { report.say(job.await) });
    }

    /// Starts what blocks, on a thread of its own.
    pub fn spawn_blocking(&mut self, job: impl FnOnce(Report<T>) + Send + 'static) {
        let report = self.report();
        self.tasks.spawn_blocking(move || job(report));
    }

    /// What a job would come to that need not be run.
    pub fn known(&mut self, word: T) {
        self.report().say(word);
    }

    fn report(&mut self) -> Report<T> {
        self.open += 1;
        Report(Some(self.words.clone()))
    }

    /// Whether every job was heard of; some may not be done yet.
    pub fn all_heard(&self) -> bool {
        self.open == 0
    }

    /// The next word; `None` is a job that ended without, of which [`Jobs::done`]
    /// tells why. Loses none when it is not waited for to the end.
    pub async fn heard(&mut self) -> Option<T> {
        // This very value holds a sender: without jobs it waits.
        let word = self.heard.recv().await.flatten();
        self.open -= 1;
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended);
        }
        word
    }

    /// Waits until all are done.
    ///
    /// # Errors
    /// The first that panicked.
    pub async fn done(&mut self) -> Result<(), JoinError> {
        while let Some(ended) = self.tasks.join_next().await {
            self.ended(ended);
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    fn ended(&mut self, ended: Result<(), JoinError>) {
        if let Err(error) = ended {
            self.broken.get_or_insert(error);
        }
    }
}

impl<T> Report<T> {
    /// Says what the job came to.
    pub fn say(mut self, word: T) {
        self.put(Some(word));
    }

    fn put(&mut self, word: Option<T>) {
        if let Some(words) = self.0.take() {
            let _ = words.send(word); // nobody listens: the build itself is gone
        }
    }
}

impl<T> Drop for Report<T> {
    fn drop(&mut self) {
        self.put(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_job_is_heard_before_it_is_done_and_awaited_nevertheless() {
        let mut jobs = Jobs::new();
        let ((release, released), (done, is_done)) = (channel(), channel());
        jobs.spawn_blocking(move |report| {
            report.say("said");
            released.recv().unwrap();
            done.send(()).unwrap();
        });
        jobs.known("known");
        jobs.spawn(async { "task" });
        let mut heard = Vec::new();
        while !jobs.all_heard() {
            heard.extend(jobs.heard().await);
        }
        heard.sort_unstable();
        assert_eq!(heard, ["known", "said", "task"]);
        let soon = timeout(Duration::ZERO, jobs.done()).await;
        assert!(soon.is_err(), "its thread goes on");
        release.send(()).unwrap();
        jobs.done().await.unwrap();
        is_done.try_recv().unwrap();
    }

    #[tokio::test]
    async fn a_job_that_panics_is_heard_of_and_the_others_are_awaited() {
        let mut jobs: Jobs<u32> = Jobs::new();
        let ((release, released), (done, is_done)) = (channel(), channel());
        jobs.spawn_blocking(move |report| {
            released.recv().unwrap();
            report.say(1);
            done.send(()).unwrap();
        });
        jobs.spawn_blocking(|_report| panic!("as a test"));
        assert_eq!(jobs.heard().await, None);
        let soon = timeout(Duration::ZERO, jobs.done()).await;
        assert!(soon.is_err() && !jobs.all_heard(), "the other goes on");
        release.send(()).unwrap();
        assert_eq!(jobs.heard().await, Some(1));
        let error = jobs.done().await.unwrap_err();
        assert!(error.is_panic() && error.to_string().contains("as a test"));
        is_done.try_recv().unwrap();
    }
}
