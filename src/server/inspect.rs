//! `Agent.GetGraph` and `Agent.Diff`: what the backend says of generations'
//! graphs, one caller at a time, since an answer may take much memory.

use super::Parts;
use super::convert::inspect::{ANSWER_MAX, diff, graph};
use super::refusal::refuse;
use crate::backend::inspect::Side;
use crate::model::{Evaluated, Generation};
use crate::pb;
use prost::Message;
use tonic::{Code, Status};

/// The generation's graph.
///
/// # Errors
/// When it has none, or the graph has left the store.
pub async fn get_graph(
    parts: &Parts,
    generation: &Generation,
) -> Result<pb::GetGraphResponse, Status> {
    let _turn = turn(parts).await?;
    let evaluated = evaluated(generation)?;
    let found = parts.backend.graph(evaluated).await;
    let found = found.map_err(|error| not_there(generation, &error))?;
    fitting(graph(&generation.host, found))
}

/// What differs between two generations.
///
/// # Errors
/// As [`get_graph`], for either.
pub async fn get_diff(
    parts: &Parts,
    from: Generation,
    to: Generation,
    objects: bool,
) -> Result<pb::DiffResponse, Status> {
    let _turn = turn(parts).await?;
    let (old, new) = (
        side(parts, &from, objects).await?,
        side(parts, &to, objects).await?,
    );
    let compared = tokio::task::spawn_blocking(move || diff(&to.host, &old, &new)).await;
    let compared = compared.map_err(|error| Status::internal(format!("a defect in kiln: {error}")));
    let compared = compared?.map_err(|error| {
        let message = format!("a file of the generations cannot be read: {error}");
        refuse(Code::FailedPrecondition, message, "kiln store verify")
    });
    fitting(compared?)
}

async fn side(parts: &Parts, generation: &Generation, objects: bool) -> Result<Side, Status> {
    let evaluated = evaluated(generation)?;
    let files = parts.backend.files(evaluated).await;
    let mut side = Side {
        files: files.map_err(|error| not_there(generation, &error))?,
        ..Side::default()
    };
    if objects {
        let graph = parts.backend.graph(evaluated).await;
        side.graph = graph.map_err(|error| not_there(generation, &error))?;
    }
    Ok(side)
}

async fn turn(parts: &Parts) -> Result<tokio::sync::SemaphorePermit<'_>, Status> {
    let turn = parts.inspections.acquire().await;
    turn.map_err(|_| Status::unavailable("the agent is stopping"))
}

fn evaluated(generation: &Generation) -> Result<&Evaluated, Status> {
    let number = generation.number;
    generation.evaluated().ok_or_else(|| {
        refuse(
            Code::FailedPrecondition,
            format!("generation {number} has no graph: its evaluation did not succeed"),
            format!("kiln show {number} says why"),
        )
    })
}

fn not_there(generation: &Generation, error: &crate::backend::BackendError) -> Status {
    let hint = format!(
        "kiln eval {} evaluates its commit again",
        generation.commit.id.short()
    );
    refuse(Code::FailedPrecondition, error.to_string(), hint)
}

/// An answer that the caller takes.
fn fitting<M: Message>(answer: M) -> Result<M, Status> {
    match answer.encoded_len() > ANSWER_MAX {
        true => Err(refuse(
            Code::ResourceExhausted,
            format!("the answer has more than {} MiB", ANSWER_MAX >> 20),
            "compare the commits themselves: git diff",
        )),
        false => Ok(answer),
    }
}
