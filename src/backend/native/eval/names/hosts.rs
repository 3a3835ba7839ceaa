//! `host`: declares a host.
#![expect(
    clippy::too_many_arguments,
    reason = "the arguments are the language's"
)]

use super::super::state::{Declared, Phase, State, called_at, said};
use super::arguments::{dict, given, optional_plain, plain, plain_list};
use super::check;
use crate::model::{HostName, Location};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::AllocDict;
use starlark::values::none::NoneType;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Declares a host.
    fn host<'v>(
        name: Value<'v>,
        root: Value<'v>,
        system: Option<Value<'v>>,
        platform: Option<Value<'v>>,
        machine_id: Option<Value<'v>>,
        meta: Option<Value<'v>>,
        needs: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let state = State::of(eval)?;
        may_declare(state)?;
        let declared = Declared {
            name: host_name(state, name)?,
            system: optional_plain(state, "system", system)?,
            platform: optional_plain(state, "platform", platform)?,
            machine_id: optional_plain(state, "machine_id", machine_id)?,
            needs: plain_list(state, "needs", needs)?,
            location: called_at(eval).unwrap_or_else(unknown_place),
        };
        check_host(state, &declared).map_err(said)?;
        dict(state, "meta", meta)?;
        let empty = || eval.heap().alloc(AllocDict::EMPTY);
        let meta = given(meta).unwrap_or_else(empty);
        eval.module().set(&declared.root_slot(), root);
        eval.module().set(&declared.meta_slot(), meta);
        state.hosts.borrow_mut().push(declared);
        Ok(NoneType)
    }
}

fn unknown_place() -> Location {
    Location {
        file: String::new(),
        line: 0,
        column: 0,
    }
}

fn may_declare(state: &State) -> starlark::Result<()> {
    match state.phase.get() {
        Phase::Declaring => Ok(()),
        Phase::Loading => Err(said(
            "host() is called in kiln.star, or in a function called from it, not at the top level \
             of a loaded file",
        )),
        Phase::Root => Err(said("host() cannot be called in a host's root function")),
    }
}

fn host_name(state: &State, name: Value<'_>) -> starlark::Result<String> {
    let name = plain(state, "name", name)?;
    if name != "*" {
        name.parse::<HostName>().map_err(|e| said(e.to_string()))?;
    }
    Ok(name.to_owned())
}

fn check_host(state: &State, new: &Declared) -> Result<(), String> {
    new.system.as_deref().map_or(Ok(()), check::system)?;
    new.needs
        .iter()
        .try_for_each(|path| check::host_path(path))?;
    if new.platform.as_deref() == Some("") || new.machine_id.as_deref() == Some("") {
        return Err("platform and machine_id may not be empty".into());
    }
    let hosts = state.hosts.borrow();
    match hosts.iter().find(|host| host.name == new.name) {
        None => Ok(()),
        Some(first) => Err(format!(
            "host {:?} is declared twice: here ({}) and at {}",
            new.name,
            at(&new.location),
            at(&first.location)
        )),
    }
}

fn at(place: &Location) -> String {
    format!("{}:{}:{}", place.file, place.line, place.column)
}
