//! The Agent service: status, history, events, logs, sources. Streams are
//! pulled by the client: nothing is buffered for one that does not read, and
//! dropping the call drops everything it held.

use super::access::Caller;
use super::change::Asked;
use super::event_stream::Follower;
use super::log_reader::{Following, LogReader, Which};
use super::refusal::{from_fetch, refuse};
use super::{Parts, convert, inspect, reset, status};
use crate::model::{self, BlockedReason, GenerationNumber, RemoteName};
use crate::pb;
use crate::state::Reader;
use futures_util::stream::{self, BoxStream, StreamExt};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};

/// Metadata key of an event stream's answer: the newest sequence number when it
/// began, so that a caller who does not follow knows where to end.
pub const LAST_SEQ: &str = "kiln-last-seq";

/// Metadata key of a log's answer: the folder with the logs of the generation's
/// hooks, which are not part of the stream.
pub const HOOKS_FOLDER: &str = "kiln-hooks-folder";

/// Generations on a page when the caller does not say, and at most.
const PAGE: (usize, usize) = (50, 1000);

pub struct Service {
    pub parts: Arc<Parts>,
    /// Who follows events passes here, a few at a time.
    pub turnstile: Arc<Semaphore>,
    pub cancel: CancellationToken,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl pb::agent_server::Agent for Service {
    type WatchEventsStream = BoxStream<'static, Result<pb::Event, Status>>;
    type ReadLogStream = BoxStream<'static, Result<pb::LogChunk, Status>>;

    async fn get_status(&self, request: Request<pb::GetStatusRequest>) -> Answer<pb::Status> {
        self.parts.read(&request, "Agent.GetStatus").await?;
        Ok(Response::new(status::gather(&self.parts)))
    }

    async fn fetch(&self, request: Request<pb::FetchRequest>) -> Answer<pb::FetchResponse> {
        let names = request.get_ref().remotes.clone();
        let asked = Asked::new("Agent.Fetch", names.join(" "));
        let work = |parts: Arc<Parts>, _| async move {
            let named: Result<Vec<RemoteName>, _> = names.iter().map(|name| name.parse()).collect();
            let named = named.map_err(|error| Status::invalid_argument(error.to_string()))?;
            let fetched = parts.source.fetch(named).await;
            let remotes = fetched.map_err(|error| from_fetch(&error))?;
            let silent = remotes.iter().filter(|remote| !remote.reachable).count();
            let message = format!("{} asked, {silent} without an answer", remotes.len());
            let remotes = remotes.iter().map(convert::remote_status).collect();
            Ok((pb::FetchResponse { remotes }, message))
        };
        let answer = self.parts.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }

    async fn list_generations(
        &self,
        request: Request<pb::ListGenerationsRequest>,
    ) -> Answer<pb::ListGenerationsResponse> {
        self.parts.read(&request, "Agent.ListGenerations").await?;
        let request = request.into_inner();
        let size = page_size(request.page_size);
        let before = page_start(&request.page_token)?;
        let page = self.read(move |state| state.page(before, size)).await?;
        Ok(Response::new(pb::ListGenerationsResponse {
            next_page_token: next_page(&page, size),
            generations: page.iter().map(convert::generation).collect(),
        }))
    }

    async fn get_generation(
        &self,
        request: Request<pb::GetGenerationRequest>,
    ) -> Answer<pb::Generation> {
        self.parts.read(&request, "Agent.GetGeneration").await?;
        let found = self.generation(request.into_inner().number).await?;
        Ok(Response::new(convert::generation(&found)))
    }

    async fn watch_events(
        &self,
        request: Request<pb::WatchEventsRequest>,
    ) -> Answer<Self::WatchEventsStream> {
        self.parts.read(&request, "Agent.WatchEvents").await?;
        let last_seq = self.parts.events.last_seq();
        let subscription = self.parts.events.subscribe(request.into_inner().after_seq);
        let follower = Follower {
            parts: self.parts.clone(),
            turnstile: self.turnstile.clone(),
            subscription,
            cancel: self.cancel.clone(),
        };
        let mut answer: Response<Self::WatchEventsStream> = Response::new(follower.stream());
        answer.metadata_mut().insert(LAST_SEQ, last_seq.into());
        Ok(answer)
    }

    async fn read_log(&self, request: Request<pb::ReadLogRequest>) -> Answer<Self::ReadLogStream> {
        self.parts.read(&request, "Agent.ReadLog").await?;
        let request = request.into_inner();
        let found = self.generation(request.generation_number).await?;
        let number = found.number;
        let which = Which::new(request.derivation, request.offset)?;
        let parts = self.parts.clone();
        let is_ended = move || {
            parts
                .state
                .generation(number)
                .is_none_or(|found| is_at_rest(&found))
        };
        let folder = self.parts.state.logs(number);
        let following = request.follow.then(|| Following {
            is_ended: Arc::new(is_ended),
            builder: self.parts.builder.watch(),
            lines: self.parts.state.lines(),
        });
        let reader = LogReader::new(folder, which, failed_step(&found)).follow(following);
        let chunks = stream::unfold(reader, |mut reader| async move {
            let chunk = reader.next().await?;
            Some((chunk, reader))
        });
        let chunks = chunks.take_until(self.cancel.clone().cancelled_owned());
        let mut answer: Response<Self::ReadLogStream> = Response::new(chunks.boxed());
        let folder = self.parts.state.hooks(number);
        if let Ok(folder) = folder.to_string_lossy().parse() {
            answer.metadata_mut().insert(HOOKS_FOLDER, folder);
        }
        Ok(answer)
    }

    async fn diff(&self, request: Request<pb::DiffRequest>) -> Answer<pb::DiffResponse> {
        self.parts.read(&request, "Agent.Diff").await?;
        let request = request.into_inner();
        let from = self.named(&request.from).await?;
        let to = self.named(&request.to).await?;
        let answer = inspect::get_diff(&self.parts, from, to, request.objects);
        Ok(Response::new(answer.await?))
    }

    async fn get_graph(
        &self,
        request: Request<pb::GetGraphRequest>,
    ) -> Answer<pb::GetGraphResponse> {
        self.parts.read(&request, "Agent.GetGraph").await?;
        let generation = self
            .generation(request.into_inner().generation_number)
            .await?;
        let answer = inspect::get_graph(&self.parts, &generation);
        Ok(Response::new(answer.await?))
    }

    async fn get_baseline(
        &self,
        request: Request<pb::GetBaselineRequest>,
    ) -> Answer<pb::GetBaselineResponse> {
        self.parts.read(&request, "Agent.GetBaseline").await?;
        let commit_id = self.parts.state.baseline().ok_or_else(|| {
            refuse(
                Code::NotFound,
                "this host has no baseline: no main generation was built here yet",
                "kiln status",
            )
        })?;
        Ok(Response::new(pb::GetBaselineResponse { commit_id }))
    }

    async fn accept_reset(
        &self,
        request: Request<pb::AcceptResetRequest>,
    ) -> Answer<pb::AcceptResetResponse> {
        let wanted = request.get_ref().clone();
        let target = [&wanted.remote, &wanted.branch, &wanted.commit_id].map(String::as_str);
        let asked = Asked::new("Agent.AcceptReset", target.join(" ")).because(&wanted.reason);
        let work = |parts: Arc<Parts>, caller: Caller| reset::accept(parts, caller, wanted);
        let answer = self.parts.change(&request, asked, work).await?;
        Ok(Response::new(answer))
    }
}

impl Service {
    /// The generation with that number; 0 is the latest.
    async fn generation(&self, number: u32) -> Result<model::Generation, Status> {
        if number == 0 {
            return self.parts.state.latest().ok_or_else(|| {
                refuse(
                    Code::NotFound,
                    "there is no generation yet",
                    "kiln fetch looks for commits now",
                )
            });
        }
        let found = self.read(move |state| state.generation(GenerationNumber(number)));
        found.await?.ok_or_else(|| {
            refuse(
                Code::NotFound,
                format!("there is no generation {number}"),
                "kiln generations lists those there are",
            )
        })
    }

    /// The generation meant by a number or a word.
    async fn named(&self, text: &str) -> Result<model::Generation, Status> {
        let found = match text {
            "latest" => return self.generation(0).await,
            "current" => self.parts.state.current(),
            "previous" => self.read(Reader::previous).await?,
            number => match number.parse() {
                Ok(number) if number > 0 => return self.generation(number).await,
                _ => {
                    let message = format!("{text:?} is no generation");
                    return Err(refuse(
                        Code::InvalidArgument,
                        message,
                        "a generation is a number, current, latest or previous",
                    ));
                }
            },
        };
        found.ok_or_else(|| {
            refuse(
                Code::NotFound,
                format!("there is no {text} generation yet"),
                "kiln generations lists those there are",
            )
        })
    }

    /// Reads the state on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> T + Send + 'static,
    ) -> Result<T, Status> {
        let state = self.parts.state.clone();
        let read = tokio::task::spawn_blocking(move || read(&state)).await;
        read.map_err(|error| Status::internal(format!("a defect in kiln: {error}")))
    }
}

/// Nothing more will happen to it: it has ended with its hooks, or is for
/// another machine.
fn is_at_rest(generation: &model::Generation) -> bool {
    let foreign = |blocked: &model::Blocked| blocked.reason == BlockedReason::MachineId;
    match generation.build() {
        Some(model::Build::Pending {
            blocked: Some(blocked),
            ..
        }) if foreign(blocked) => true,
        _ => generation.is_ended() && !generation.has_open_hooks(),
    }
}

/// The step that a generation's failure is of.
pub(super) fn failed_step(generation: &model::Generation) -> Option<String> {
    generation.failure()?.derivation.clone()
}

fn page_size(asked: u32) -> usize {
    match usize::try_from(asked).unwrap_or(PAGE.1) {
        0 => PAGE.0,
        size => size.min(PAGE.1),
    }
}

fn page_start(token: &str) -> Result<Option<GenerationNumber>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    match token.parse() {
        Ok(number) if number > 0 => Ok(Some(GenerationNumber(number))),
        _ => Err(Status::invalid_argument(format!(
            "{token:?} is not a page token that ListGenerations gave"
        ))),
    }
}

/// The last number of a full page; a short one is the last.
fn next_page(page: &[model::Generation], size: usize) -> String {
    match page.last() {
        Some(last) if page.len() == size && last.number.0 > 1 => last.number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes_are_bounded_and_tokens_checked() {
        assert_eq!(
            (page_size(0), page_size(7), page_size(u32::MAX)),
            (50, 7, 1000)
        );
        assert_eq!(page_start("").unwrap(), None);
        assert_eq!(page_start("12").unwrap(), Some(GenerationNumber(12)));
        for bad in ["0", "-1", "x", "99999999999"] {
            assert_eq!(
                page_start(bad).unwrap_err().code(),
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }
}
