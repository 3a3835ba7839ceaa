//! Flakes and Nix files of a commit that nobody selected: which hosts they
//! declare, and what these evaluate to. Nix's store takes derivations meanwhile,
//! as by any evaluation; they are garbage once the look is over.

use super::evaluate::{Evaluation, path_of};
use super::{Nix, inspect};
use crate::backend::inspect::{
    InspectionError, Inspector, Look, Side, Survey, SurveyedHost, TestEnd, Wanted, Warning,
};
use crate::backend::{EvaluateRequest, EvaluationOutcome};
use crate::model::{Evaluated, Failure, HostName};
use async_trait::async_trait;
use std::sync::atomic::Ordering;

/// Whatever host asks is declared.
const ANY: &str = "*";

impl Nix {
    fn evaluation(&self, request: EvaluateRequest) -> Evaluation<'_> {
        Evaluation {
            config: &self.config,
            request,
            is_open: self.is_open.load(Ordering::Relaxed),
            logs_errors: false,
        }
    }

    async fn evaluated(&self, look: &Look, host: &HostName) -> Result<Evaluated, InspectionError> {
        let evaluation = self.evaluation(request(look, host));
        match evaluation.run().await? {
            EvaluationOutcome::Succeeded(evaluated) => {
                self.is_open.store(true, Ordering::Relaxed);
                Ok(evaluated)
            }
            other => Err(failure(other).into()),
        }
    }

    /// The names that stand where the attribute has the host's.
    async fn declared(&self, look: &Look, path: &[String]) -> Result<Vec<String>, InspectionError> {
        let evaluation = self.evaluation(request(look, &look.this_host));
        match evaluation.names(path).await? {
            Ok(names) => {
                self.is_open.store(true, Ordering::Relaxed);
                Ok(names)
            }
            Err(outcome) => Err(failure(outcome).into()),
        }
    }
}

fn request(look: &Look, host: &HostName) -> EvaluateRequest {
    EvaluateRequest {
        source: look.source.clone(),
        host: host.clone(),
        roots: look.scratch.join(host.as_str()),
        timeout: look.timeout,
        memory: look.memory,
        again: false,
        sink: look.sink.clone(),
        cancel: look.cancel.clone(),
    }
}

fn failure(outcome: EvaluationOutcome) -> Failure {
    match outcome {
        EvaluationOutcome::Failed(failure) | EvaluationOutcome::TimedOut(failure) => failure,
        EvaluationOutcome::Blocked { message, .. } => Failure::transient(message),
        EvaluationOutcome::Cancelled | EvaluationOutcome::Succeeded(_) => {
            Failure::transient("interrupted")
        }
    }
}

#[async_trait]
impl Inspector for Nix {
    async fn survey(&self, look: &Look) -> Result<Survey, InspectionError> {
        let mut survey = Survey::default();
        let declare = |name: &str| SurveyedHost {
            name: name.to_owned(),
            location: None,
            needs: Vec::new(),
        };
        let Some(place) = self.config.attribute.place_of_host(self.config.kind) else {
            survey.hosts.push(declare(ANY));
            return Ok(survey);
        };
        for name in self.declared(look, &place.path).await? {
            match place.host(&name).map(str::parse::<HostName>) {
                Some(Ok(host)) => survey.hosts.push(declare(host.as_str())),
                Some(Err(error)) => survey.warnings.push(Warning {
                    name: "host-name".into(),
                    message: format!("{} is of no host: {error}", path_of(&place.with(&name))),
                    location: None,
                }),
                None => {} // a name that the template does not make
            }
        }
        Ok(survey)
    }

    /// Nix has no tests that are functions.
    async fn tests(&self, _look: &Look, _file: &str) -> Result<Vec<TestEnd>, InspectionError> {
        Ok(Vec::new())
    }

    async fn check(&self, look: &Look, host: &HostName) -> Result<String, InspectionError> {
        let evaluated = self.evaluated(look, host).await?;
        Ok(evaluated.out_path.unwrap_or(evaluated.drv_path))
    }

    async fn side(
        &self,
        look: &Look,
        host: &HostName,
        wanted: Wanted,
    ) -> Result<Side, InspectionError> {
        let evaluated = self.evaluated(look, host).await?;
        let mut side = Side::default();
        if wanted.files {
            side.files = inspect::files(&self.config, &evaluated).await?;
        }
        if wanted.graph {
            side.graph = inspect::graph(&self.config, &evaluated).await?;
        }
        Ok(side)
    }
}
