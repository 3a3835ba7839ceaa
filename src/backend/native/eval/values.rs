//! The values a `kiln.star` handles that Starlark does not know.

#![allow(
    clippy::panic,
    reason = "the crate's derives write methods of heap snapshots, which kiln never takes"
)]

use super::markers::Marker;
use crate::backend::native::graph::{Entry, OutputRef, Template};
use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::StarlarkHasher;
use starlark::starlark_simple_value;
use starlark::values::{
    Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value,
};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

/// A node's outputs in their order, each with its marker.
pub type Outputs = Arc<[(String, Marker)]>;

/// What `derivation`, `source`, `file` and `tree` return: one output of a
/// node, and the way to its siblings (`d.out`, `d.dev`).
#[derive(Debug, Clone, ProvidesStaticType, Allocative, StarlarkPagablePanic)]
pub struct OutputValue {
    pub node: u32,
    selected: usize,
    #[allocative(skip)]
    outputs: Outputs,
}
starlark_simple_value!(OutputValue);

impl OutputValue {
    /// The type's name in Starlark and in messages.
    pub const TYPE: &'static str = "output";

    /// `d` itself: `out` where there is one, else the first output.
    pub fn new(node: u32, outputs: Outputs) -> Self {
        let selected = outputs.iter().position(|(name, _)| name == "out");
        OutputValue {
            node,
            selected: selected.unwrap_or(0),
            outputs,
        }
    }

    pub fn reference(&self) -> OutputRef {
        OutputRef {
            node: self.node,
            output: self.outputs[self.selected].0.clone(),
        }
    }

    pub fn marker(&self) -> &str {
        self.outputs[self.selected].1.as_str()
    }
}

impl fmt::Display for OutputValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.marker())
    }
}

impl serde::Serialize for OutputValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.marker())
    }
}

#[starlark_value(type = OutputValue::TYPE)]
impl<'v> StarlarkValue<'v> for OutputValue {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let selected = self
            .outputs
            .iter()
            .position(|(name, _)| name == attribute)?;
        Some(heap.alloc(OutputValue {
            selected,
            ..self.clone()
        }))
    }

    fn dir_attr(&self) -> Vec<String> {
        self.outputs.iter().map(|(name, _)| name.clone()).collect()
    }

    fn add(&self, right: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        let right = text_of(right)?;
        Some(Ok(heap.alloc(format!("{}{right}", self.marker()))))
    }

    fn radd(&self, left: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        let left = text_of(left)?;
        Some(Ok(heap.alloc(format!("{left}{}", self.marker()))))
    }

    fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
        Ok(OutputValue::from_value(other).is_some_and(|other| other.marker() == self.marker()))
    }

    fn write_hash(&self, hasher: &mut StarlarkHasher) -> starlark::Result<()> {
        self.marker().hash(hasher);
        Ok(())
    }
}

fn text_of(value: Value<'_>) -> Option<&str> {
    match OutputValue::from_value(value) {
        Some(output) => Some(output.marker()),
        None => value.unpack_str(),
    }
}

/// What `symlink(target)` returns.
#[derive(Debug, Clone, ProvidesStaticType, Allocative, NoSerialize, StarlarkPagablePanic)]
pub struct SymlinkValue(#[allocative(skip)] pub Template);
starlark_simple_value!(SymlinkValue);

impl fmt::Display for SymlinkValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("symlink(...)")
    }
}

#[starlark_value(type = "symlink")]
impl<'v> StarlarkValue<'v> for SymlinkValue {}

/// What `entry(value, ...)` returns.
#[derive(Debug, Clone, ProvidesStaticType, Allocative, NoSerialize, StarlarkPagablePanic)]
pub struct EntryValue(#[allocative(skip)] pub Entry);
starlark_simple_value!(EntryValue);

impl fmt::Display for EntryValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entry(...)")
    }
}

#[starlark_value(type = "entry")]
impl<'v> StarlarkValue<'v> for EntryValue {}
