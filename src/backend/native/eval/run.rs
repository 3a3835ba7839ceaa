//! One evaluation, in this process: modules are loaded, `kiln.star` declares
//! the hosts, the wanted host's root is made into a graph.

use super::asked::Asked;
use super::diagnose;
use super::files::Files;
use super::library;
use super::names::globals;
use super::nesting;
use super::paths::{self, Module as Label};
use super::state::{Declared, LIBRARY, Phase, State, said};
use super::trace::Trace;
use super::values::OutputValue;
use super::{EvalRequest, Refusal, secrets};
use crate::backend::native::graph::{GRAPH_VERSION, Graph, OutputRef};
use crate::model::Failure;
use starlark::PrintHandler;
use starlark::environment::{FrozenModule, Globals, Module};
use starlark::eval::{Evaluator, FileLoader};
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::values::Value;
use starlark::values::dict::DictRef;
use starlark::values::structs::AllocStruct;
use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::io;
use std::sync::Arc;

/// Calls inside calls.
pub const MAX_CALLS: usize = 1000;
/// Calls and rounds of loops, for each file.
pub const MAX_STEPS: u64 = 50_000_000;
/// A larger file is no configuration.
const MAX_FILE: usize = 4 << 20;
/// Native frames for [`MAX_CALLS`] and for values inside values.
const STACK: usize = 128 << 20;

/// Evaluates in this process, on a thread with the stack it needs. `print`
/// gets what the repository prints, a line at a time.
///
/// The limits on steps, depth and values hold; those on time and on all memory
/// are the child's (see [`super::evaluate`]).
///
/// # Errors
/// What is wrong in the repository, or that it does not declare the host.
pub fn evaluate_here(
    request: &EvalRequest,
    print: &(dyn Fn(&str) + Sync),
) -> Result<Graph, Refusal> {
    evaluate_traced(request, print, &Arc::default(), || Ok(())).0
}

/// The same, with all that was asked of the commit; `trace` says meanwhile where
/// the evaluation is, and `ready` is called when every thread runs and nothing
/// was read yet.
pub(super) fn evaluate_traced(
    request: &EvalRequest,
    print: &(dyn Fn(&str) + Sync),
    trace: &Arc<Trace>,
    ready: fn() -> io::Result<()>,
) -> (Result<Graph, Refusal>, Option<Asked>) {
    let mut asked = None;
    let outcome = on_big_stack(trace, || {
        ready().map_err(|e| Failure::transient(format!("cannot limit the evaluator: {e}")))?;
        let session = Session::new(request, print, trace)?;
        let graph = session.run(|module, eval| request.graph(module, eval));
        asked = session.state.files.asked();
        graph
    });
    (outcome, asked)
}

/// The names of the hosts the repository declares, `*` among them, sorted.
///
/// # Errors
/// What is wrong in the repository.
pub fn hosts(request: &EvalRequest, print: &(dyn Fn(&str) + Sync)) -> Result<Vec<String>, Refusal> {
    let trace = Arc::default();
    on_big_stack(&trace, || {
        Session::new(request, print, &trace)?
            .run(|_, eval| Ok(known(State::of(eval).map_err(refused)?)))
    })
}

pub(super) fn on_big_stack<T: Send>(
    trace: &Trace,
    work: impl FnOnce() -> Result<T, Refusal> + Send,
) -> Result<T, Refusal> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("eval".into())
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        let thread = thread
            .map_err(|e| Failure::transient(format!("cannot start the evaluator's thread: {e}")))?;
        thread
            .join()
            .unwrap_or_else(|panic| Err(panicked(&*panic, trace).into()))
    })
}

/// Sizes that no memory could have are panics of the libraries.
fn panicked(panic: &(dyn Any + Send), trace: &Trace) -> Failure {
    let text = (panic.downcast_ref::<String>().map(String::as_str))
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    if ["out of memory", "capacity overflow"]
        .iter()
        .any(|sign| text.contains(sign))
    {
        return diagnose::out_of_memory(trace);
    }
    let message = "the evaluator stopped at a mistake of its own";
    let mut failure = diagnose::at_trace(message.to_owned(), trace);
    let _ = writeln!(failure.log_tail, "{text}");
    failure.hint("please report it with the repository that shows it")
}

pub(super) fn refused(error: starlark::Error) -> Refusal {
    diagnose::failure(&error, None).into()
}

/// Sorted names.
fn known(state: &State) -> Vec<String> {
    let mut names: Vec<_> = state
        .hosts
        .borrow()
        .iter()
        .map(|h| h.name.clone())
        .collect();
    names.sort();
    names
}

pub(super) struct Session<'r> {
    pub(super) state: State,
    globals: Globals,
    modules: RefCell<HashMap<String, FrozenModule>>,
    /// The files being loaded, outermost first.
    chain: RefCell<Vec<String>>,
    print: Printer<'r>,
    request: &'r EvalRequest,
}

impl<'r> Session<'r> {
    pub(super) fn new(
        request: &'r EvalRequest,
        print: &'r (dyn Fn(&str) + Sync),
        trace: &Arc<Trace>,
    ) -> Result<Self, Refusal> {
        let files = Files::open(&request.repository, &request.tree, &request.subdir)
            .map_err(Failure::certain)?;
        Ok(Session {
            state: State::new(
                files,
                request.commit.clone(),
                request.commit_time,
                trace.clone(),
            ),
            globals: globals(),
            modules: RefCell::default(),
            chain: RefCell::default(),
            print: Printer(print),
            request,
        })
    }

    /// Runs `kiln.star`, then `then` with what it declared.
    pub(super) fn run<T>(
        &self,
        then: impl for<'v> FnOnce(&Module<'v>, &mut Evaluator<'v, '_, '_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let file = paths::resolve("", &self.request.file).map_err(Failure::certain)?;
        self.chain.borrow_mut().push(file.clone());
        let ast = self
            .parse_file(&file)
            .map_err(|e| self.no_start(&file, e))?;
        Module::with_temp_heap(|module| {
            let loader = Loader {
                session: self,
                folder: paths::parent(&file),
            };
            let mut eval = self.evaluator(&module, &loader).map_err(refused)?;
            eval.eval_module(ast, &self.globals)
                .map_err(|e| diagnose::failure(&e, Some(&self.state.trace)))?;
            self.state.phase.set(Phase::Root);
            then(&module, &mut eval)
        })
    }

    /// The first file's absence is a matter of its own.
    fn no_start(&self, file: &str, error: Refusal) -> Refusal {
        match self.state.files.find(file) {
            Ok(None) => {
                let shown = self.state.files.shown(file);
                let missing = Failure::certain(format!("the commit has no {shown}"));
                missing
                    .hint("`kiln init` writes a first one; of a flake, `kiln graph` and `kiln diff` show generations")
                    .into()
            }
            _ => error,
        }
    }

    pub(super) fn globals(&self) -> &Globals {
        &self.globals
    }

    fn parse_file(&self, path: &str) -> Result<AstModule, Refusal> {
        let text = self.state.files.text(path).map_err(Failure::certain)?;
        parse(&self.state.files.shown(path), text)
    }

    pub(super) fn evaluator<'v, 'a>(
        &'a self,
        module: &'a Module<'v>,
        loader: &'a Loader<'a>,
    ) -> starlark::Result<Evaluator<'v, 'a, 'a>> {
        let mut eval = Evaluator::new(module);
        let limit = |e| starlark::Error::from(e);
        eval.set_max_callstack_size(MAX_CALLS).map_err(limit)?;
        eval.set_max_tick_count(MAX_STEPS).map_err(limit)?;
        // Half of the whole: the limit with the better message comes first.
        let heap = usize::try_from(self.request.memory / 2).unwrap_or(usize::MAX);
        eval.set_max_heap_size(heap.max(1 << 20)).map_err(limit)?;
        eval.set_loader(loader);
        eval.set_print_handler(&self.print);
        eval.extra = Some(&self.state);
        self.state.trace.follow(&mut eval);
        Ok(eval)
    }

    /// Loads a module once; its top level cannot declare hosts.
    pub(super) fn module(&self, folder: &str, label: &str) -> starlark::Result<FrozenModule> {
        let label = paths::module(folder, label).map_err(said)?;
        let key = match &label {
            Label::File(path) => self.state.files.shown(path),
            Label::Library(name) => format!("{LIBRARY}{name}"),
        };
        if let Some(module) = self.modules.borrow().get(&key) {
            return Ok(module.clone());
        }
        self.enter(&key)?;
        let outer = self.state.phase.replace(Phase::Loading);
        let base = self.state.trace.enter();
        let module = self.load(&label, &key);
        self.state.phase.set(outer);
        self.chain.borrow_mut().pop();
        let module = module?;
        self.state.trace.leave(base);
        self.modules.borrow_mut().insert(key, module.clone());
        Ok(module)
    }

    fn enter(&self, key: &str) -> starlark::Result<()> {
        let mut chain = self.chain.borrow_mut();
        if let Some(first) = chain.iter().position(|file| file == key) {
            let cycle = chain[first..].join(" loads ");
            return Err(said(format!("a cycle of load(): {cycle} loads {key}")));
        }
        if chain.len() > 64 {
            return Err(said(
                "limit reached: files load each other more than 64 deep",
            ));
        }
        chain.push(key.to_owned());
        Ok(())
    }

    fn load(&self, label: &Label, key: &str) -> starlark::Result<FrozenModule> {
        let (text, folder) = match label {
            Label::File(path) => (
                self.state.files.text(path).map_err(said)?,
                paths::parent(path),
            ),
            Label::Library(name) => (library::text(name).map_err(said)?.to_owned(), ""),
        };
        check_nesting(&text)
            .map_err(|(message, line, column)| said(format!("{key}:{line}:{column}: {message}")))?;
        let ast = AstModule::parse(key, text, &dialect())?;
        Module::with_temp_heap(|module| {
            let loader = Loader {
                session: self,
                folder,
            };
            let mut eval = self.evaluator(&module, &loader)?;
            eval.eval_module(ast, &self.globals)?;
            drop(eval);
            module
                .freeze()
                .map_err(|e| said(format!("{key} cannot be frozen: {}", e.err_msg)))
        })
    }
}

pub(super) fn parse(shown: &str, text: String) -> Result<AstModule, Refusal> {
    check_nesting(&text)
        .map_err(|(message, line, column)| diagnose::failure_at(message, shown, line, column))?;
    AstModule::parse(shown, text, &dialect()).map_err(refused)
}

fn check_nesting(text: &str) -> Result<(), (String, usize, usize)> {
    if text.len() > MAX_FILE {
        return Err((
            format!(
                "limit reached: the file is larger than {} MiB",
                MAX_FILE >> 20
            ),
            1,
            1,
        ));
    }
    match nesting::too_deep(text) {
        None => Ok(()),
        Some((line, column)) => {
            let depth = nesting::MAX_NESTING;
            Err((
                format!("limit reached: brackets are nested deeper than {depth}"),
                line,
                column,
            ))
        }
    }
}

fn dialect() -> Dialect {
    Dialect {
        enable_keyword_only_arguments: true,
        enable_types: DialectTypes::Enable,
        enable_load_reexport: false,
        enable_top_level_stmt: true,
        enable_f_strings: true,
        ..Dialect::Standard
    }
}

pub(super) struct Loader<'a> {
    pub(super) session: &'a Session<'a>,
    /// Of the file that loads.
    pub(super) folder: &'a str,
}

impl FileLoader for Loader<'_> {
    fn load(&self, label: &str) -> starlark::Result<FrozenModule> {
        self.session.module(self.folder, label)
    }
}

struct Printer<'r>(&'r (dyn Fn(&str) + Sync));

impl PrintHandler for Printer<'_> {
    fn println(&self, text: &str) -> starlark::Result<()> {
        (self.0)(text);
        Ok(())
    }
}

impl EvalRequest {
    /// The wanted host's graph, once `kiln.star` has run.
    fn graph<'v>(
        &self,
        module: &Module<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> Result<Graph, Refusal> {
        let state = State::of(eval).map_err(refused)?;
        let host = self.declared(state)?;
        let system = host.system.clone().unwrap_or_else(|| self.system.clone());
        let root = self.root(module, eval, &host, &system)?;
        let (root, nodes) = state.arena.borrow().reachable(&root);
        let secrets = secrets::used(&nodes, &state.secrets.borrow());
        Ok(Graph {
            version: GRAPH_VERSION,
            host: self.host.clone(),
            system,
            platform: host.platform,
            machine_id: host.machine_id,
            needs: host.needs,
            secrets,
            root,
            nodes,
        })
    }

    fn declared(&self, state: &State) -> Result<Declared, Refusal> {
        let hosts = state.hosts.borrow();
        let named = |name: &str| hosts.iter().find(|host| host.name == name);
        if let Some(host) = named(self.host.as_str()).or_else(|| named("*")) {
            return Ok(host.clone());
        }
        Err(Refusal::undeclared(self, known(state)))
    }

    fn root<'v>(
        &self,
        module: &Module<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
        host: &Declared,
        system: &str,
    ) -> Result<OutputRef, Refusal> {
        let kept = |slot: String| module.get(&slot).unwrap_or_else(Value::new_none);
        let (root, meta) = (kept(host.root_slot()), kept(host.meta_slot()));
        let state = State::of(eval).map_err(refused)?;
        let value = match root.get_type() {
            "function" => {
                let heap = eval.heap();
                let fields = BTreeMap::from([
                    ("name", heap.alloc(self.host.as_str())),
                    ("system", heap.alloc(system)),
                    (
                        "platform",
                        heap.alloc(
                            host.platform
                                .as_deref()
                                .map_or(Value::new_none(), |p| heap.alloc(p)),
                        ),
                    ),
                    ("meta", meta),
                ]);
                let h = heap.alloc(AllocStruct(fields));
                (eval.eval_function(root, &[h], &[]))
                    .map_err(|e| in_host(&e, host, &state.trace))?
            }
            _ => root,
        };
        match OutputValue::from_value(value) {
            Some(output) => Ok(output.reference()),
            None => Err(no_root(value, host).into()),
        }
    }
}

fn in_host(error: &starlark::Error, host: &Declared, trace: &Trace) -> Refusal {
    let mut failure = diagnose::failure(error, Some(trace));
    let at = &host.location;
    let declared = format!(
        "for host {:?}, declared at {}:{}:{}\n",
        host.name, at.file, at.line, at.column
    );
    failure.log_tail.push_str(&declared);
    failure.into()
}

fn no_root(value: Value<'_>, host: &Declared) -> Failure {
    let given = match DictRef::from_value(value) {
        Some(_) => "a dict: put it into tree(name, {...})".to_owned(),
        None if value.is_none() => "None (does its root function return the tree?)".to_owned(),
        None => format!("a {}", value.get_type()),
    };
    let message = format!(
        "the root of host {:?} must be a tree or another output, not {given}",
        host.name
    );
    let at = &host.location;
    diagnose::failure_at(message, &at.file, at.line as usize, at.column as usize)
}
