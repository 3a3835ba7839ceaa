//! `kiln check`: what a repository declares, how its own tests end, and what in
//! it is likely not what its author meant. Each runs in a child of its own, with
//! the limits of any evaluation.

use super::child::Answer;
use super::run::{Loader, Session, on_big_stack, parse, refused};
use super::state::{Phase, State};
use super::trace::Trace;
use super::traps::traps;
use super::{Ended, EvalRequest, Job, Refusal, child, diagnose};
use crate::backend::BackendError;
use crate::backend::inspect::{Survey, SurveyedHost, TestEnd, Warning};
use crate::model::Failure;
use starlark::environment::Module;
use std::io;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Files of the language.
const SOURCES: &str = "**/*.star";
/// Files whose test functions are run.
const TESTS: &str = "_test.star";
/// Functions that are tests.
const TEST: &str = "test_";
/// The file, for messages, that calls a test.
const CALLER: &str = "@kiln//check";

/// Looks a repository over, in a child. The host in `request` does not matter.
///
/// # Errors
/// When kiln or its host is broken. What is wrong in the repository, or that it
/// was cancelled, is the inner error.
pub async fn survey(
    request: &EvalRequest,
    cancel: &CancellationToken,
    mut on_log: impl FnMut(&[u8]) + Send,
) -> Result<Result<Survey, Failure>, BackendError> {
    let ended = super::ask(request, Job::Survey, cancel, &mut on_log).await?;
    match answer(ended) {
        Ok(Answer::Surveyed(survey)) => Ok(Ok(survey)),
        Ok(_) => Err(child::unasked()),
        Err(failure) => Ok(Err(*failure)),
    }
}

/// Runs the test functions of a file, in a child.
///
/// # Errors
/// As [`survey`]; the inner error is of a file that cannot be loaded.
pub async fn tests_of(
    request: &EvalRequest,
    file: &str,
    cancel: &CancellationToken,
    mut on_log: impl FnMut(&[u8]) + Send,
) -> Result<Result<Vec<TestEnd>, Failure>, BackendError> {
    let file = file.to_owned();
    let ended = super::ask(request, Job::Tests { file }, cancel, &mut on_log).await?;
    match answer(ended) {
        Ok(Answer::Tested(tests)) => Ok(Ok(tests)),
        Ok(_) => Err(child::unasked()),
        Err(failure) => Ok(Err(*failure)),
    }
}

fn answer(ended: Ended) -> Result<Answer, Box<Failure>> {
    match ended {
        Ended::Answered(reply) => match reply.answer {
            Answer::Refused(refusal) => Err(Box::new(refusal.into())),
            Answer::TimedOut(failure) => Err(Box::new(failure)),
            answer @ (Answer::Graph(_) | Answer::Surveyed(_) | Answer::Tested(_)) => Ok(answer),
        },
        Ended::Failed(failure) | Ended::TimedOut(failure) => Err(Box::new(failure)),
        Ended::Cancelled => Err(Box::new(Failure::transient("interrupted"))),
    }
}

/// The survey, in this process.
pub(super) fn survey_here(
    request: &EvalRequest,
    print: &(dyn Fn(&str) + Sync),
    trace: &Arc<Trace>,
    ready: fn() -> io::Result<()>,
) -> Result<Survey, Refusal> {
    in_session(request, print, trace, ready, |session| {
        let hosts = session.run(|_, eval| {
            let state = State::of(eval).map_err(refused)?;
            let hosts = state.hosts.borrow();
            let surveyed = hosts.iter().map(|host| SurveyedHost {
                name: host.name.clone(),
                location: Some(host.location.clone()),
                needs: host.needs.clone(),
            });
            Ok(surveyed.collect())
        })?;
        let files = &session.state.files;
        let sources = files.glob("", &[SOURCES.to_owned()]);
        let sources = sources.map_err(Failure::certain)?;
        let is_test = |path: &&String| path.ends_with(TESTS);
        Ok(Survey {
            hosts,
            test_files: sources.iter().filter(is_test).cloned().collect(),
            warnings: sources.iter().flat_map(|p| warnings(session, p)).collect(),
        })
    })
}

/// A file that cannot be read or parsed is no trap: whoever loads it is told.
fn warnings(session: &Session<'_>, path: &str) -> Vec<Warning> {
    let files = &session.state.files;
    let text = files.text(path);
    let parsed = text
        .ok()
        .and_then(|text| parse(&files.shown(path), text).ok());
    parsed.map_or_else(Vec::new, |ast| traps(&ast))
}

/// The tests of a file, in this process.
pub(super) fn tests_here(
    request: &EvalRequest,
    file: &str,
    print: &(dyn Fn(&str) + Sync),
    trace: &Arc<Trace>,
    ready: fn() -> io::Result<()>,
) -> Result<Vec<TestEnd>, Refusal> {
    in_session(request, print, trace, ready, |session| {
        let module = session.module("", &format!("//{file}"));
        let module = module.map_err(|e| diagnose::failure(&e, Some(&session.state.trace)))?;
        session.state.phase.set(Phase::Root);
        let names = module.names().map(|name| name.as_str().to_owned());
        let tests = names.filter(|name| name.starts_with(TEST));
        let mut ended = Vec::new();
        for name in tests {
            let failure = test(session, file, &name).err();
            ended.push(TestEnd { name, failure });
        }
        Ok(ended)
    })
}

/// Each is called by a program of its own, with all its limits.
fn test(session: &Session<'_>, file: &str, name: &str) -> Result<(), Failure> {
    let label = serde_json::Value::from(format!("//{file}"));
    let call = format!("load({label}, {name:?})\n{name}()\n");
    let ast = parse(CALLER, call)?;
    Module::with_temp_heap(|module| {
        let loader = Loader {
            session,
            folder: "",
        };
        let told = |error: &starlark::Error| diagnose::failure(error, Some(&session.state.trace));
        let mut eval = session.evaluator(&module, &loader).map_err(|e| told(&e))?;
        let called = eval.eval_module(ast, session.globals());
        called.map(drop).map_err(|error| told(&error))
    })
}

fn in_session<T: Send>(
    request: &EvalRequest,
    print: &(dyn Fn(&str) + Sync),
    trace: &Arc<Trace>,
    ready: fn() -> io::Result<()>,
    work: impl FnOnce(&Session<'_>) -> Result<T, Refusal> + Send,
) -> Result<T, Refusal> {
    on_big_stack(trace, || {
        ready().map_err(|e| Failure::transient(format!("cannot limit the evaluator: {e}")))?;
        work(&Session::new(request, print, trace)?)
    })
}
