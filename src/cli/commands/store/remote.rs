//! The store by way of the agent.

use crate::cli::Context;
use crate::cli::error::{CliError, Problem};
use crate::client::Client;
use crate::pb;
use crate::pb::store_client::StoreClient;
use crate::store::StorePath;
use std::io::{self, Read};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Bytes of an answer: long lists of roots and flaws come in one.
const ANSWER_MAX: usize = 256 << 20;
/// Bytes of an archive sent at a time.
const PIECE: usize = 256 << 10;
/// Pieces on their way.
const PIECES: usize = 4;

pub struct Remote(StoreClient<Channel>);

impl Remote {
    pub fn new(client: &Client) -> Self {
        Remote(StoreClient::new(client.channel()).max_decoding_message_size(ANSWER_MAX))
    }

    pub async fn path_info(&self, path: &StorePath) -> Result<pb::PathInfoResponse, CliError> {
        let request = pb::PathInfoRequest {
            store_path: path.to_string(),
        };
        Ok(self.0.clone().path_info(request).await?.into_inner())
    }

    pub async fn verify(&self, repair: bool) -> Result<pb::VerifyResponse, CliError> {
        let request = pb::VerifyRequest { repair };
        Ok(self.0.clone().verify(request).await?.into_inner())
    }

    pub async fn collect(&self, dry_run: bool) -> Result<pb::CollectGarbageResponse, CliError> {
        let request = pb::CollectGarbageRequest { dry_run };
        Ok(self.0.clone().collect_garbage(request).await?.into_inner())
    }

    pub async fn optimise(&self) -> Result<pb::OptimiseResponse, CliError> {
        let request = pb::OptimiseRequest {};
        Ok(self.0.clone().optimise(request).await?.into_inner())
    }

    pub async fn roots(&self) -> Result<pb::ListRootsResponse, CliError> {
        let request = pb::ListRootsRequest {};
        Ok(self.0.clone().list_roots(request).await?.into_inner())
    }

    pub async fn export(&self, context: &Context, paths: Vec<StorePath>) -> Result<(), CliError> {
        let request = pb::ExportRequest {
            store_paths: paths.iter().map(ToString::to_string).collect(),
        };
        let mut pieces = self.0.clone().export(request).await?.into_inner();
        while let Some(piece) = pieces.message().await? {
            match context.out.json {
                true => context.out.message(&piece)?,
                false => context.out.bytes(&piece.data)?,
            }
        }
        Ok(())
    }

    pub async fn import(&self) -> Result<pb::ImportResponse, CliError> {
        let (sender, pieces) = mpsc::channel(PIECES);
        // It ends with its input, or when nobody takes what it read any more.
        let read = tokio::task::spawn_blocking(move || read(&mut io::stdin().lock(), &sender));
        let answer = self.0.clone().import(ReceiverStream::new(pieces)).await;
        let answer = match answer {
            Ok(answer) => answer.into_inner(),
            Err(refused) => return Err(refused.into()),
        };
        match read.await {
            Ok(Err(error)) => Err(Problem::failed(format!("reading the archive: {error}")).into()),
            _ => Ok(answer),
        }
    }
}

/// What cannot be read ends the archive early, and that is refused.
fn read(input: &mut impl Read, pieces: &mpsc::Sender<pb::ImportRequest>) -> io::Result<()> {
    loop {
        let mut data = Vec::with_capacity(PIECE);
        input.take(PIECE as u64).read_to_end(&mut data)?;
        let is_end = data.is_empty();
        if is_end || pieces.blocking_send(pb::ImportRequest { data }).is_err() {
            return Ok(());
        }
    }
}
