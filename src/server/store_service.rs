//! The Store service. What takes long runs on threads that may block, a few at
//! a time; it ends when its caller leaves, unless it changes something.

mod streams;

use super::access::Caller;
use super::change::Asked;
use super::refusal::refuse;
use super::{Parts, convert};
use crate::pb;
use crate::store::{InvalidStorePath, Objects, StoreError, StorePath, Verification};
use futures_util::stream::BoxStream;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming};

/// Long calls at a time.
const AT_ONCE: usize = 8;

pub struct Service {
    parts: Arc<Parts>,
    cancel: CancellationToken,
    room: Arc<Semaphore>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl pb::store_server::Store for Service {
    type ExportStream = BoxStream<'static, Result<pb::ExportResponse, Status>>;

    async fn path_info(
        &self,
        request: Request<pb::PathInfoRequest>,
    ) -> Answer<pb::PathInfoResponse> {
        self.parts.read(&request, "Store.PathInfo").await?;
        let path = parsed(&request.get_ref().store_path)?;
        let info = self.blocking(move |objects, _| match objects.store.info(&path) {
            Some(info) => Ok(convert::store::path_info(&objects.store, &info)),
            None => Err(failed(&StoreError::Missing(path))),
        });
        Ok(Response::new(info.await?))
    }

    async fn verify(&self, request: Request<pb::VerifyRequest>) -> Answer<pb::VerifyResponse> {
        let repair = request.get_ref().repair;
        let verify = move |objects: &Objects, cancelled: &dyn Fn() -> bool| {
            let verified = objects.store.verify(&Verification { repair, cancelled });
            verified
                .map(|found| convert::store::verified(&found))
                .map_err(|e| failed(&e))
        };
        if !repair {
            self.parts.read(&request, "Store.Verify").await?;
            return Ok(Response::new(self.blocking(verify).await?));
        }
        let message = |answer: &pb::VerifyResponse| {
            let repaired = answer
                .findings
                .iter()
                .filter(|found| found.repaired)
                .count();
            format!("{repaired} of {} flaws repaired", answer.findings.len())
        };
        let asked = Asked::new("Store.Verify", "repair");
        let answer = self.changing(&request, asked, verify, message);
        Ok(Response::new(answer.await?))
    }

    async fn collect_garbage(
        &self,
        request: Request<pb::CollectGarbageRequest>,
    ) -> Answer<pb::CollectGarbageResponse> {
        let dry_run = request.get_ref().dry_run;
        let collect = move |objects: &Objects, cancelled: &dyn Fn() -> bool| {
            let collected = objects.collect(dry_run, cancelled);
            collected
                .map(|found| convert::store::collected(&found))
                .map_err(|e| failed(&e))
        };
        if dry_run {
            self.parts.read(&request, "Store.CollectGarbage").await?;
            return Ok(Response::new(self.blocking(collect).await?));
        }
        let message = |answer: &pb::CollectGarbageResponse| {
            let (count, bytes) = (answer.removed_count, answer.freed_bytes);
            format!("{count} objects, {bytes} bytes")
        };
        let asked = Asked::new("Store.CollectGarbage", "");
        let answer = self.changing(&request, asked, collect, message);
        Ok(Response::new(answer.await?))
    }

    async fn optimise(
        &self,
        request: Request<pb::OptimiseRequest>,
    ) -> Answer<pb::OptimiseResponse> {
        let optimise = |objects: &Objects, cancelled: &dyn Fn() -> bool| {
            let done = objects.store.optimise(cancelled);
            done.map(|done| convert::store::optimised(&done))
                .map_err(|e| failed(&e))
        };
        let message = |answer: &pb::OptimiseResponse| {
            let (files, bytes) = (answer.shared_files, answer.freed_bytes);
            format!("{files} files, {bytes} bytes")
        };
        let asked = Asked::new("Store.Optimise", "");
        let answer = self.changing(&request, asked, optimise, message);
        Ok(Response::new(answer.await?))
    }

    async fn list_roots(
        &self,
        request: Request<pb::ListRootsRequest>,
    ) -> Answer<pb::ListRootsResponse> {
        self.parts.read(&request, "Store.ListRoots").await?;
        let roots = self.blocking(|objects, _| {
            let found = objects.list_roots().map_err(|e| failed(&e))?;
            Ok(convert::store::roots(&found))
        });
        Ok(Response::new(roots.await?))
    }

    async fn export(&self, request: Request<pb::ExportRequest>) -> Answer<Self::ExportStream> {
        self.parts.read(&request, "Store.Export").await?;
        let paths = request
            .get_ref()
            .store_paths
            .iter()
            .map(|path| parsed(path));
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        if paths.is_empty() {
            return Err(Status::invalid_argument("name at least one store path"));
        }
        let wanted = paths.clone();
        let there = self.blocking(move |objects, _| {
            objects
                .store
                .closure(wanted)
                .map(drop)
                .map_err(|e| failed(&e))
        });
        there.await?;
        let stream = streams::export(&self.parts, self.room()?, paths, self.cancel.clone());
        Ok(Response::new(stream))
    }

    async fn import(
        &self,
        request: Request<Streaming<pb::ImportRequest>>,
    ) -> Answer<pb::ImportResponse> {
        let (metadata, extensions, stream) = request.into_parts();
        let request = Request::from_parts(metadata, extensions, ());
        let (places, cancel) = (Arc::clone(&self.room), self.cancel.clone());
        let work = move |parts: Arc<Parts>, _: Caller| async move {
            let _room = room(&places)?;
            streams::import(&parts, stream, cancel).await
        };
        let asked = Asked::new("Store.Import", "");
        Ok(Response::new(
            self.parts.change(&request, asked, work).await?,
        ))
    }
}

impl Service {
    /// Serves what `parts` has until `cancel` fires.
    pub fn new(parts: Arc<Parts>, cancel: CancellationToken) -> Self {
        Service {
            parts,
            cancel,
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// One of the few places for long calls.
    fn room(&self) -> Result<OwnedSemaphorePermit, Status> {
        room(&self.room)
    }

    /// Runs `work` on a thread that may block; when the caller leaves it is told to end.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Objects, &dyn Fn() -> bool) -> Result<T, Status> + Send + 'static,
    ) -> Result<T, Status> {
        let (room, token) = (self.room()?, self.cancel.child_token());
        let _cancels_when_the_caller_leaves = token.clone().drop_guard();
        on_a_thread(&self.parts, room, token, work).await
    }

    /// The same as a recorded change, which goes on without its caller.
    async fn changing<R, T: Send + 'static>(
        &self,
        request: &Request<R>,
        asked: Asked,
        work: impl FnOnce(&Objects, &dyn Fn() -> bool) -> Result<T, Status> + Send + 'static,
        message: impl FnOnce(&T) -> String + Send + 'static,
    ) -> Result<T, Status> {
        let (places, cancel) = (Arc::clone(&self.room), self.cancel.clone());
        let change = |parts: Arc<Parts>, _: Caller| async move {
            let room = room(&places)?;
            let done = on_a_thread(&parts, room, cancel, work).await?;
            let message = message(&done);
            Ok((done, message))
        };
        self.parts.change(request, asked, change).await
    }
}

fn room(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        refuse(
            Code::ResourceExhausted,
            format!("{AT_ONCE} calls are at work on the store already"),
            "ask again when one of them has ended",
        )
    })
}

async fn on_a_thread<T: Send + 'static>(
    parts: &Parts,
    room: OwnedSemaphorePermit,
    cancel: CancellationToken,
    work: impl FnOnce(&Objects, &dyn Fn() -> bool) -> Result<T, Status> + Send + 'static,
) -> Result<T, Status> {
    let objects = parts.objects.clone();
    let done = parts.changes.spawn_blocking(move || {
        let _room = room;
        work(&objects, &|| cancel.is_cancelled())
    });
    done.await.unwrap_or_else(|error| Err(defect(&error)))
}

fn parsed(path: &str) -> Result<StorePath, Status> {
    path.parse()
        .map_err(|error: InvalidStorePath| Status::invalid_argument(error.to_string()))
}

fn failed(error: &StoreError) -> Status {
    match error {
        StoreError::Missing(_) => refuse(
            Code::NotFound,
            error.to_string(),
            "kiln store roots lists what is kept",
        ),
        StoreError::Io { .. } => refuse(
            Code::Internal,
            error.to_string(),
            "see the agent's log; kiln store verify looks at the whole store",
        ),
    }
}

fn defect(error: &tokio::task::JoinError) -> Status {
    Status::internal(format!("a defect in kiln: {error}"))
}
