//! Files of a commit with `kiln.star`, looked at where they are: in Git.

use super::{InGit, InspectError, Inspection};
use crate::backend::inspect::{InspectionError, Inspector, Look, Side, Survey, TestEnd, Wanted};
use crate::backend::native::eval::{self, EvalEnd, EvalRequest};
use crate::backend::native::graph::Graph;
use crate::backend::native::{EVAL_MEMORY, blocking, system};
use crate::model::{Failure, HostName};
use async_trait::async_trait;

/// Evaluates without a store: graphs are looked at and forgotten.
#[derive(Debug)]
pub struct WithoutStore {
    /// The file that declares the hosts, in the repository's subdirectory.
    pub file: String,
}

impl WithoutStore {
    fn request(&self, look: &Look, host: &HostName) -> EvalRequest {
        let commit = &look.source.commit;
        EvalRequest {
            repository: look.source.repository.clone(),
            tree: commit.tree.clone(),
            commit: commit.id.to_string(),
            commit_time: commit.time,
            subdir: look.source.subdir.clone(),
            file: self.file.clone(),
            host: host.clone(),
            system: system(),
            timeout: look.timeout,
            memory: look.memory.unwrap_or(EVAL_MEMORY),
        }
    }

    async fn graph(&self, look: &Look, host: &HostName) -> Result<Graph, InspectionError> {
        let request = self.request(look, host);
        match eval::evaluate(&request, &look.cancel, printing(look)).await? {
            EvalEnd::Graph(graph) => Ok(graph),
            EvalEnd::Failed(failure) | EvalEnd::TimedOut(failure) => Err(failure.into()),
            EvalEnd::UndeclaredHost { failure, .. } => Err(Failure {
                usage: true,
                ..failure
            }
            .into()),
            EvalEnd::Cancelled => Err(Failure::transient("interrupted").into()),
        }
    }
}

fn printing(look: &Look) -> impl FnMut(&[u8]) + Send + '_ {
    |bytes: &[u8]| look.sink.log(None, bytes)
}

#[async_trait]
impl Inspector for WithoutStore {
    async fn survey(&self, look: &Look) -> Result<Survey, InspectionError> {
        let request = self.request(look, &look.this_host);
        Ok(eval::survey(&request, &look.cancel, printing(look)).await??)
    }

    async fn tests(&self, look: &Look, file: &str) -> Result<Vec<TestEnd>, InspectionError> {
        let request = self.request(look, &look.this_host);
        Ok(eval::tests_of(&request, file, &look.cancel, printing(look)).await??)
    }

    async fn check(&self, look: &Look, host: &HostName) -> Result<String, InspectionError> {
        let graph = self.graph(look, host).await?;
        let steps = graph.nodes.iter().filter(|node| node.step().is_some());
        Ok(format!(
            "{} nodes, {} steps",
            graph.nodes.len(),
            steps.count()
        ))
    }

    async fn side(
        &self,
        look: &Look,
        host: &HostName,
        wanted: Wanted,
    ) -> Result<Side, InspectionError> {
        let graph = self.graph(look, host).await?;
        let sources = InGit(look.source.repository.clone());
        let looked = blocking("look at the graph", move || {
            let inspection = Inspection::new(&graph, &sources)?;
            Ok::<_, InspectError>(Side {
                files: match wanted.files {
                    true => inspection.files()?,
                    false => Default::default(),
                },
                graph: match wanted.graph {
                    true => inspection.graph(),
                    false => Default::default(),
                },
            })
        });
        looked
            .await?
            .map_err(|error| Failure::certain(error.to_string()).into())
    }
}
