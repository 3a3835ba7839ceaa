//! The names a `kiln.star` can use beyond Starlark's own.

mod arguments;
mod check;
mod fetching;
mod hosts;
mod reading;
mod step;
mod text;

pub use text::SECRETS;
mod trees;

use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension};

/// Standard Starlark and kiln's own names.
pub fn globals() -> Globals {
    let extensions = [
        LibraryExtension::StructType,
        LibraryExtension::Json,
        LibraryExtension::Print,
        LibraryExtension::Typing,
    ];
    let mut builder = GlobalsBuilder::extended_by(&extensions);
    hosts::register(&mut builder);
    step::register(&mut builder);
    fetching::register(&mut builder);
    trees::register(&mut builder);
    text::register(&mut builder);
    reading::register(&mut builder);
    builder.build()
}

/// The keywords of each name, for "did you mean".
pub const KEYWORDS: &[(&str, &[&str])] = &[
    ("commit", &[]),
    ("dedent", &["text"]),
    (
        "derivation",
        &[
            "name",
            "script",
            "builder",
            "args",
            "src",
            "deps",
            "env",
            "outputs",
            "output_hash",
            "host_tools",
            "system",
            "timeout",
            "limits",
            "provider",
        ],
    ),
    ("entry", &["value", "mode", "owner", "group", "copy"]),
    ("fetch", &["url", "sha256", "name", "executable", "unpack"]),
    ("file", &["name", "content", "executable"]),
    ("glob", &["patterns", "allow_empty"]),
    (
        "host",
        &[
            "name",
            "root",
            "system",
            "platform",
            "machine_id",
            "meta",
            "needs",
        ],
    ),
    ("read", &["path"]),
    ("secret", &["name"]),
    ("source", &["path", "include", "exclude", "name"]),
    ("symlink", &["target"]),
    ("tree", &["name", "entries", "base"]),
];
