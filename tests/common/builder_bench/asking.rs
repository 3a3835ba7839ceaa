//! What tests ask of a Builder, and the ways that most of them begin with.

use super::{Bench, Call, in_time, selection};
use kiln::builder::{BuilderState, HoldFor, Phase, Refusal, Selected};
use kiln::model::{Failure, GenerationNumber};
use std::time::Duration;

impl Bench {
    pub async fn eval(&self, name: &str) {
        self.handle
            .eval(selection(name, false), false, None)
            .await
            .unwrap();
    }
    pub async fn eval_by_hand(&self, name: &str) {
        self.handle
            .eval(selection(name, false), true, None)
            .await
            .unwrap();
    }
    pub async fn eval_held(&self, name: &str, duration: Option<Duration>) {
        let by = "ann".into();
        self.handle
            .eval(selection(name, false), true, Some(HoldFor { duration, by }))
            .await
            .unwrap();
    }
    pub async fn select(&self, name: &str) {
        self.try_select(name).await.unwrap();
    }
    pub async fn try_select(&self, name: &str) -> Result<Selected, Refusal> {
        self.handle.select(selection(name, false)).await
    }
    pub async fn select_testing(&self, name: &str) {
        self.handle.select(selection(name, true)).await.unwrap();
    }

    /// Ann suspends builds until she resumes them.
    pub async fn suspend(&self) -> BuilderState {
        let suspended = self.handle.suspend("x".into(), None, "ann".into());
        suspended.await.unwrap()
    }
    pub async fn resume(&self) {
        self.handle.resume("ann".into()).await.unwrap();
    }

    /// The next call of the backend, which must be this one.
    async fn next(&mut self, what: String) -> Call {
        let call = in_time(self.calls.recv()).await.unwrap();
        assert_eq!(call.what, what);
        call
    }
    pub async fn evaluation(&mut self, name: &str) -> Call {
        self.next(format!("evaluate {name}")).await
    }
    pub async fn build(&mut self, name: &str) -> Call {
        self.next(format!("build {name}")).await
    }

    pub async fn phase(&self, phase: Phase) {
        let mut watch = self.handle.watch();
        in_time(watch.wait_for(|state| state.phase == phase))
            .await
            .unwrap();
    }
    pub async fn idle(&mut self) {
        self.phase(Phase::Idle).await;
        self.nothing_asked();
    }

    /// Somebody asks for it, and it is evaluated; its build is next.
    pub async fn evaluated(&mut self, name: &str) {
        self.eval(name).await;
        self.evaluation(name).await.evaluates();
    }
    /// It is evaluated, and this is its build.
    pub async fn building(&mut self, name: &str) -> Call {
        self.evaluated(name).await;
        self.build(name).await
    }
    /// Its build, which is next, succeeds, and nothing follows.
    pub async fn builds(&mut self, name: &str) {
        self.build(name).await.builds();
        self.idle().await;
    }
    /// Its evaluation, which is next, and its build succeed, and nothing follows.
    pub async fn evaluates_and_builds(&mut self, name: &str) {
        self.evaluation(name).await.evaluates();
        self.builds(name).await;
    }
    pub async fn eval_and_build(&mut self, name: &str) {
        self.eval(name).await;
        self.evaluates_and_builds(name).await;
    }
    pub async fn select_and_build(&mut self, name: &str) {
        self.select(name).await;
        self.evaluates_and_builds(name).await;
    }
    /// A main generation that is evaluated and whose build failed: it can be
    /// asked for again.
    pub async fn fails_to_build(&mut self, name: &str) {
        let build = self.building(name).await;
        build.fails(Failure::certain("exit 1"));
        self.idle().await;
    }
    /// Its build is asked for again, and runs.
    pub async fn is_rebuilt(&mut self, number: GenerationNumber, name: &str) {
        let submitted = self.handle.submit_build(Some(number), false);
        submitted.await.unwrap();
        drop(self.build(name).await);
    }
}
