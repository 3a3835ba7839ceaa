//! The Store service: named in the contract, not served yet, and says so.

use super::refusal::not_yet;
use crate::pb;
use tokio_stream::Empty;
use tonic::{Request, Response, Status, Streaming};

pub struct Service;

#[tonic::async_trait]
impl pb::store_server::Store for Service {
    type ExportStream = Empty<Result<pb::ExportResponse, Status>>;

    async fn path_info(
        &self,
        _: Request<pb::PathInfoRequest>,
    ) -> Result<Response<pb::PathInfoResponse>, Status> {
        Err(not_yet("Store.PathInfo"))
    }
    async fn verify(
        &self,
        _: Request<pb::VerifyRequest>,
    ) -> Result<Response<pb::VerifyResponse>, Status> {
        Err(not_yet("Store.Verify"))
    }
    async fn collect_garbage(
        &self,
        _: Request<pb::CollectGarbageRequest>,
    ) -> Result<Response<pb::CollectGarbageResponse>, Status> {
        Err(not_yet("Store.CollectGarbage"))
    }
    async fn list_roots(
        &self,
        _: Request<pb::ListRootsRequest>,
    ) -> Result<Response<pb::ListRootsResponse>, Status> {
        Err(not_yet("Store.ListRoots"))
    }
    async fn export(
        &self,
        _: Request<pb::ExportRequest>,
    ) -> Result<Response<Self::ExportStream>, Status> {
        Err(not_yet("Store.Export"))
    }
    async fn import(
        &self,
        _: Request<Streaming<pb::ImportRequest>>,
    ) -> Result<Response<pb::ImportResponse>, Status> {
        Err(not_yet("Store.Import"))
    }
}
