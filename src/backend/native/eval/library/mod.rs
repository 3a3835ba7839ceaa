//! The modules kiln ships, as `load("@kiln//text.star", ...)` finds them.

use crate::suggest;

const FILES: &[(&str, &str)] = &[
    ("layers.star", include_str!("layers.star")),
    ("text.star", include_str!("text.star")),
];

/// A shipped module's text.
///
/// # Errors
/// Lists the modules there are.
pub fn text(name: &str) -> Result<&'static str, String> {
    let names = || FILES.iter().map(|(name, _)| *name);
    if let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) {
        return Ok(text);
    }
    let near = suggest::nearest(name, names()).map(|near| format!(", did you mean {near:?}?"));
    Err(format!(
        "kiln ships no module {name:?}{}; known: {}",
        near.unwrap_or_default(),
        names().collect::<Vec<_>>().join(", ")
    ))
}
